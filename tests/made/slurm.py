"""Two machines of a Slurm cluster on this one: namespaces with processes, networks and folders of their own.

`srun` and `scontrol` are stand-ins that do what deploy/slurm.sbatch relies on; everything else is real.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from tests.made.nodes import running

SRUN = """\
#!/usr/bin/env bash
# one task a node: the second node's in its own namespaces; ends with the highest code, when all have ended
while [[ $1 == --* ]]; do shift; done
SLURM_NODEID=1 nsenter --target "$SECOND" --net --pid --mount --wd="$PWD" "$@" &
other=$!
code=0
SLURM_NODEID=0 "$@" || code=$?
found=0
wait "$other" || found=$?
exit $((found > code ? found : code))
"""
SCONTROL = """\
#!/usr/bin/env bash
case "$1 $2" in
"show hostnames") printf 'node1\\nnode2\\n' ;;
requeue*) echo "$2" >>"$STAGE/requeued" ;;
*) exit 1 ;;
esac
"""
MACHINES = """\
set -euo pipefail
mount -t tmpfs tmpfs /tmp/ray
mount --bind "$STAGE/hosts" /etc/hosts
mount --bind "$STAGE/resolv.conf" /etc/resolv.conf  # of no server, or each look-up would wait for one
ip link set lo up
ip link add one type veth peer name two
ip address add 10.77.0.1/24 dev one
ip link set one up
ip route add default dev one  # Ray asks for the way out to find the address of a machine
unshare --net --pid --mount --fork --kill-child --mount-proc bash -c '
    mount -t tmpfs tmpfs /tmp/ray
    ip link set lo up
    until ip link show two >/dev/null 2>&1; do sleep 0.1; done
    ip address add 10.77.0.2/24 dev two
    ip link set two up
    ip route add default dev two
    echo up >"$STAGE/second"
    exec sleep infinity' &
until SECOND=$(pgrep --parent $!); do sleep 0.1; done
export SECOND
ip link set two netns "$SECOND"
until [[ -e $STAGE/second ]]; do sleep 0.1; done
rm "$STAGE/second"
exec bash "$@"
"""
UNSHARE = ("unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc")


def can_have_machines() -> bool:
    """Whether this process may make namespaces; a container or a user without rights may not."""
    if not all(map(shutil.which, ("unshare", "nsenter", "ip", "pgrep"))):
        return False
    return not subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode


class SlurmJob:
    """A batch script on two nodes of one core each; started again, it is the same job after a requeue."""

    def __init__(self, stage: Path, script: Path, *words: str) -> None:
        self.stage = stage
        self.log = stage / "job.log"
        self.script = script
        self._words = words
        (stage / "bin").mkdir(parents=True)
        for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
            (stage / "bin" / name).write_text(text)
            (stage / "bin" / name).chmod(0o755)
        (stage / "hosts").write_text("127.0.0.1 localhost\n10.77.0.1 node1\n10.77.0.2 node2\n")
        (stage / "resolv.conf").write_text("")
        (stage / "machines.sh").write_text(MACHINES)

    @property
    def requeued(self) -> list[str]:
        """Ids with which a requeue was asked for."""
        path = self.stage / "requeued"
        return path.read_text().split() if path.exists() else []

    def start(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Start the script as Slurm does, in the current folder of a clone."""
        Path("/tmp/ray").mkdir(exist_ok=True)  # where each node mounts a folder of its own
        command = [*UNSHARE, "bash", str(self.stage / "machines.sh"), str(self.script), *self._words]
        return running(command, self.log, folder=self.script.parents[1], environment=self._environment())

    def batch_script(self, process: subprocess.Popen[bytes]) -> psutil.Process:
        """The process to which Slurm sends a signal with `--signal=B:`."""
        [machine] = psutil.Process(process.pid).children()
        assert str(self.script) in machine.cmdline(), machine.cmdline()
        return machine

    def _environment(self) -> dict[str, str]:
        left = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "SLURM_"))}
        return left | {
            "PATH": os.pathsep.join([str(self.stage / "bin"), os.environ["PATH"]]),
            "STAGE": str(self.stage),
            "XSTILTS_VENV": sys.prefix,
            "SLURM_JOB_ID": "7",
            "SLURM_JOB_NODELIST": "node[1-2]",
            "SLURM_JOB_NUM_NODES": "2",
            "SLURM_CPUS_PER_TASK": "1",
        }
