"""The files of deploy/ against the schemas and checkers of their tools; tests/ray/test_slurm.py runs slurm.sbatch."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from packaging.requirements import Requirement
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.runtime_env import RuntimeEnv

from sweep.command_line.arguments import XSTILTS, parse

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
BIN = Path(sys.executable).parent
KUBERNETES = "1.34"

RAY_JOB = {
    "activeDeadlineSeconds", "backoffLimit", "clusterSelector", "deletionStrategy", "entrypoint", "entrypointNumCpus",
    "entrypointNumGpus", "entrypointResources", "jobId", "managedBy", "metadata", "rayClusterSpec", "runtimeEnvYAML",
    "shutdownAfterJobFinishes", "submissionMode", "submitterConfig", "submitterPodTemplate", "suspend",
    "ttlSecondsAfterFinished",
}  # fmt: skip
RAY_CLUSTER = {
    "autoscalerOptions", "enableInTreeAutoscaling", "gcsFaultToleranceOptions", "headGroupSpec",
    "headServiceAnnotations", "managedBy", "rayVersion", "suspend", "workerGroupSpecs",
}  # fmt: skip
HEAD = {"enableIngress", "headService", "rayStartParams", "serviceType", "template"}
WORKERS = {
    "groupName", "idleTimeoutSeconds", "maxReplicas", "minReplicas", "numOfHosts", "rayStartParams", "replicas",
    "scaleStrategy", "suspend", "template",
}  # fmt: skip
"""The fields of KubeRay's API reference (ray.io/v1); its CRD is in no package, the pods in it are Kubernetes' own."""


@pytest.fixture(scope="module")
def ray_job() -> dict:
    return yaml.safe_load((DEPLOY / "rayjob.yaml").read_text())


def pod(template: dict) -> dict:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"} | template.get("metadata", {})} | {
        "spec": template["spec"]
    }


def test_the_fields_of_the_ray_job_are_those_of_kuberay(ray_job: dict) -> None:
    cluster = ray_job["spec"]["rayClusterSpec"]
    assert (ray_job["apiVersion"], ray_job["kind"]) == ("ray.io/v1", "RayJob")
    assert set(ray_job["spec"]) <= RAY_JOB
    assert set(cluster) <= RAY_CLUSTER
    assert set(cluster["headGroupSpec"]) <= HEAD
    for group in cluster["workerGroupSpecs"]:
        assert {"groupName", "template", "minReplicas", "maxReplicas"} <= set(group) <= WORKERS
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values()), "a map of strings"


def test_the_pods_of_the_ray_job_are_pods(ray_job: dict) -> None:
    cluster = ray_job["spec"]["rayClusterSpec"]
    templates = [ray_job["spec"]["submitterPodTemplate"]]
    templates += [group["template"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
    for template in templates:
        kubernetes_validate.validate(pod(template), KUBERNETES, strict=True)
        for container in template["spec"]["containers"]:
            names = {each["name"] for each in container["env"]}
            assert {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"} <= names, "all of them know the token"
            assert container["resources"]["requests"], "Kueue counts what is asked for"
    wrong = pod(templates[0]) | {"spec": templates[0]["spec"] | {"container": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_the_ray_job_waits_in_a_queue_of_kueue(ray_job: dict) -> None:
    """Its three conditions on a RayJob: the label, suspended at first, a cluster of its own that goes with it."""
    assert ray_job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]
    assert ray_job["spec"]["suspend"] is True
    assert ray_job["spec"]["shutdownAfterJobFinishes"] is True
    assert "clusterSelector" not in ray_job["spec"]


def test_the_versions_of_the_files_are_those_of_the_project(ray_job: dict) -> None:
    assert ray_job["spec"]["rayClusterSpec"]["rayVersion"] == version("ray")
    image = ray_job["spec"]["submitterPodTemplate"]["spec"]["containers"][0]["image"]
    assert image.endswith(f"/xstilts:{version('xstilts')}")
    assert image in (DEPLOY / "Dockerfile").read_text()


def test_the_jobs_run_commands_of_this_project(ray_job: dict) -> None:
    program, *words = shlex.split(ray_job["spec"]["entrypoint"])
    assert program == "xstilts"
    given = parse(words, XSTILTS)
    assert (given.command, given.preset) == ("run", "paper")


def test_both_jobs_have_the_same_environment(ray_job: dict) -> None:
    """Which Ray takes as the environment of a job."""
    of_file = yaml.safe_load((DEPLOY / "runtime_env.yaml").read_text())
    of_job = yaml.safe_load(ray_job["spec"]["runtimeEnvYAML"])
    assert of_file["env_vars"] == of_job["env_vars"]
    for each in (of_file, of_job):
        assert RuntimeEnv(**each)["env_vars"] == of_file["env_vars"]


def test_what_a_job_uploads_is_its_code() -> None:
    """The packages are left in; what no node needs is left out, since Ray refuses large folders."""
    excluded = {each.strip("/") for each in yaml.safe_load((DEPLOY / "runtime_env.yaml").read_text())["excludes"]}
    assert {".git", ".venv", "results"} <= excluded
    assert not excluded & {"sweep", "trainables", "search_spaces", "analysis", "deploy"}


def test_the_file_of_ray_up_passes_the_schema_of_ray() -> None:
    config = prepare_config(yaml.safe_load((DEPLOY / "cluster.yaml").read_text()))
    validate_config(config)
    with pytest.raises(jsonschema.ValidationError):
        validate_config(config | {"head_commands": []})


def test_the_dockerfile_passes_hadolint() -> None:
    done = subprocess.run([BIN / "hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_copies_what_setup_needs_and_has_this_python() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert all((REPOSITORY / each).exists() for each in copied)
    packages = {each.parent.name for each in REPOSITORY.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages <= set(copied)
    [base] = [line for line in lines if line.startswith("FROM ")]
    assert base.startswith(f"FROM python:{sys.version_info.major}.{sys.version_info.minor}.")


def test_the_script_for_slurm_passes_shellcheck() -> None:
    done = subprocess.run([BIN / "shellcheck", DEPLOY / "slurm.sbatch"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_ray_that_is_asked_for_has_symmetric_run() -> None:
    [ray] = [each for each in map(Requirement, requires("xstilts") or ()) if each.name == "ray"]
    assert version("ray") in ray.specifier
    done = subprocess.run([BIN / "ray", "symmetric-run", "--help"], capture_output=True, text=True, check=False)
    assert "--min-nodes" in done.stdout
