"""Clusters that do not let a driver in, and nodes that would compute something else, are said at once and by name."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

from sweep.cluster.roster import difference, identity
from tests.made.nodes import Nodes, cluster, without

REPOSITORY = Path(__file__).parents[2]
LOOK = """
import sys, time
from pathlib import Path
from sweep.cluster.errors import RayError
from sweep.cluster.placement import machines
from sweep.cluster.roster import Roster
from sweep.cluster.session import ray_session
with ray_session(sys.argv[1], Path(sys.argv[2])):
    roster = Roster(asks=True)
    try:
        roster.check()
    except RayError as error:
        print(error)
    deadline = time.monotonic() + 120
    while not (admitted := roster.admitted(machines())) and time.monotonic() < deadline:
        time.sleep(0.2)
    print(len(machines()), "nodes,", len(admitted), "admitted")
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cluster(tmp_path_factory.mktemp("nodes") / "log") as found:
        yield found


@pytest.mark.parametrize(
    ("changed", "taken", "said"),
    [
        ({"RAY_AUTH_TOKEN": "b" * 64}, (), "does not know the token of this process"),
        ({}, ("RAY_AUTH_TOKEN", "RAY_AUTH_MODE"), "asks for a token. Set RAY_AUTH_MODE=token"),
        ({}, ("RAY_AUTH_TOKEN",), "there is no token for the Ray cluster"),
    ],
    ids=["another token", "no mode", "no token"],
)
def test_a_wrong_token_is_one_message(
    nodes: Nodes, tmp_path: Path, changed: Mapping[str, str], taken: tuple[str, ...], said: str
) -> None:
    """Ray itself tries for half a minute, and says that it failed to connect."""
    home = {"HOME": str(tmp_path), "XSTILTS_CACHE": str(Path("~/.cache/xstilts").expanduser())}
    began = time.monotonic()
    done = look(nodes, tmp_path, without(nodes.environment, *taken) | home | changed)
    assert done.returncode == 1
    assert said in done.stderr
    assert "`ray get-auth-token` on the head shows the cluster's" in done.stderr
    assert "b" * 64 not in done.stderr
    assert time.monotonic() - began < 30


def test_another_python_is_one_message(nodes: Nodes, tmp_path: Path) -> None:
    other = "import platform; platform.python_version = lambda: '3.10.1'\n"
    done = look(nodes, tmp_path, nodes.environment, before=other)
    here = ".".join(map(str, sys.version_info[:3]))
    assert f"has other versions: python {here}, here 3.10.1" in done.stderr


def test_a_node_with_other_libraries_is_named_and_left_out(nodes: Nodes, tmp_path: Path) -> None:
    """At the start of a sweep it is an error; where it joins one, it gets no runs."""
    nodes.add(python=python_with_other_transformers(tmp_path / "environment"))
    done = look(nodes, tmp_path, nodes.environment)
    assert done.returncode == 0, done.stderr
    assert f"has transformers 4.0.0, here {version('transformers')}. Install the same versions" in done.stdout
    assert done.stdout.count("transformers") == 1, "the head computes as the driver does"
    assert "2 nodes, 1 admitted" in done.stdout


def test_code_that_differs_is_a_difference() -> None:
    here = identity()
    assert difference(here, here) == ""
    assert difference(here, here | {"the code of xstilts": "1", "torch": "1.0"}) == (
        f"has torch 1.0, here {here['torch']}; the code of xstilts 1, here {here['the code of xstilts']}"
    )


def look(
    nodes: Nodes, folder: Path, environment: Mapping[str, str], *, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """A process of its own that joins the cluster: Ray reads its variables once."""
    command = [sys.executable, "-c", before + LOOK, nodes.address, str(folder / "ray.log")]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=200
    )


def python_with_other_transformers(folder: Path) -> str:
    """A Python that has what this one has, but for what it says of one library."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [packages] = folder.glob("lib/*/site-packages")
    own = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "own.pth").write_text(os.linesep.join(own))
    (packages / "transformers-4.0.0.dist-info").mkdir()
    (packages / "transformers-4.0.0.dist-info" / "METADATA").write_text("Name: transformers\nVersion: 4.0.0\n")
    return str(folder / "bin" / "python")
