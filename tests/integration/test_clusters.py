"""The files of examples/clusters, as far as one machine can try them: on loopback."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kt_extensions.searches import view_of
from tests.nursery import until

FOLDER = Path(__file__).parents[2] / "examples" / "clusters"
SCRIPTS = sorted(FOLDER.glob("*.sbatch"))
SMALL = ["--trials", "4", "--epochs", "1"]
SRUN = """#!/bin/bash
# SLURM's, on this machine: the command once for each task.
while [[ $1 == --* ]]; do echo "$1" >> options; shift; done
for ((i = 0; i < SLURM_NTASKS; i++)); do SLURM_PROCID=$i "$@" & workers+=($!); done
for worker in "${workers[@]}"; do wait "$worker" || failed=1; done
exit "${failed:-0}"
"""
RAY = f"""#!{sys.executable}
import sys
import ray._private.services as services
services.find_gcs_addresses = set  # those of other programs on this machine are not seen
if sys.argv[1:2] == ["stop"]:  # and not stopped
    sys.exit()
from ray.scripts.scripts import main
main()
"""
PYTHON = f"""#!/bin/sh
echo "$KERASTUNER_TUNER_ID ${{CUDA_VISIBLE_DEVICES-all}}" >> gpus
exec {sys.executable} "$@"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder as a job begins in it, and programs of a cluster that this machine lacks."""
    shutil.copy(FOLDER / "search.py", tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "srun").write_text(SRUN)
    (programs / "hostname").write_text("#!/bin/sh\necho 127.0.0.1\n")
    (programs / "python").write_text(PYTHON)
    for program in programs.iterdir():
        program.chmod(0o755)
    return tmp_path


def environment(place: Path, **variables: str) -> dict[str, str]:
    paths = os.pathsep.join(filter(None, sys.path))
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    own = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    return {**own, "PATH": path, "PYTHONPATH": paths, **variables}


def slurm(n_tasks: int) -> dict[str, str]:
    """What a job finds in its environment."""
    return {
        "SLURM_NTASKS": str(n_tasks),
        "SLURM_CPUS_PER_TASK": "3",
        "SLURM_JOB_ID": str(free_port() - 20000),
    }


def free_port() -> int:
    """A port of those that the scripts take, of 20,000 on."""
    for port in range(20000 + os.getpid() % 10000, 40000):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port
    pytest.fail("no port is free")


def run(command: list[str], place: Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=place,
        env=environment(place, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def output_of(*processes: subprocess.Popen[str]) -> list[str]:
    """What they have said; all that they have started ends with them."""
    try:
        return [process.communicate(timeout=180)[0] for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def check_search(folder: Path) -> None:
    trials = view_of(folder / "digits").trials
    assert [trial.status for trial in trials] == ["COMPLETED"] * 4
    assert all(0 < trial.score <= 1 for trial in trials if trial.score is not None)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_valid_shell(script: Path) -> None:
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = script.read_text().splitlines()
    settings = [i for i, line in enumerate(lines) if line.startswith("#SBATCH --")]
    assert lines[0] == "#!/bin/bash" and settings == [*range(1, len(settings) + 1)]


def test_a_slurm_job_searches_with_a_chief_and_workers(place: Path) -> None:
    started = run(["bash", str(FOLDER / "search.sbatch"), *SMALL], place, **slurm(2))
    (output,) = output_of(started)
    assert started.returncode == 0, output
    check_search(place / "results")
    assert output.count("digits: the 4 best of 4 trials") == 1  # the chief's, and no worker's
    assert (place / "options").read_text() == "--cpus-per-task=3\n"
    gpus = set((place / "gpus").read_text().splitlines())
    assert gpus == {"chief -1", "worker-0 all", "worker-1 all"}


def test_a_slurm_job_ends_when_its_workers_have_failed(place: Path) -> None:
    (place / "bin" / "srun").write_text("#!/bin/sh\nexit 1\n")
    started = run(["bash", str(FOLDER / "search.sbatch"), *SMALL], place, **slurm(2))
    output_of(started)
    assert started.returncode == 1


@pytest.fixture
def ray_folder(place: Path) -> Iterator[str]:
    """The folder of a Ray that the test has started; it ends with the test."""
    pytest.importorskip("ray")
    (place / "bin" / "ray").write_text(RAY)
    (place / "bin" / "scontrol").write_text("#!/bin/sh\necho 127.0.0.1\n")
    for name in ("ray", "scontrol"):
        (place / "bin" / name).chmod(0o755)
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as made:
        try:
            yield made  # the paths of sockets have to be short
        finally:
            end_all_of(made)


def end_all_of(ray_folder: str) -> None:
    while own := processes_of(ray_folder):
        for process in own:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.1)


def processes_of(ray_folder: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
            own = f"RAY_TMPDIR={ray_folder}".encode()
            if any(variable.startswith(own) for variable in variables):
                found.append(int(folder.name))
    return found


def test_a_slurm_job_searches_on_ray(place: Path, ray_folder: str) -> None:
    """On one node: on a machine several would be one to Ray."""
    job = {"SLURM_JOB_NUM_NODES": "1", "SLURM_JOB_NODELIST": "first", "RAY_TMPDIR": ray_folder}
    command = ["bash", str(FOLDER / "ray.sbatch"), *SMALL, "--gpus", "0"]
    started = run(command, place, **slurm(1), **job)
    (output,) = output_of(started)
    assert started.returncode == 0, output
    check_search(place / "results")
    assert output.count("digits: the 4 best of 4 trials") == 1
    assert (place / "options").read_text() == "--cpus-per-task=3\n"


def manifests(file: str = "kubernetes.yaml") -> dict[tuple[str, str], dict[str, Any]]:
    yaml = pytest.importorskip("yaml")
    documents = yaml.safe_load_all((FOLDER / file).read_text())
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def container(name: str) -> dict[str, Any]:
    (found,) = manifests()["Job", name]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def variables(name: str, address: str, index: int = 0) -> dict[str, str]:
    """The environment of a container, on a machine that has every address."""
    fields = {
        "status.podIP": address,
        "metadata.annotations['batch.kubernetes.io/job-completion-index']": str(index),
    }
    found: dict[str, str] = {}
    for variable in container(name)["env"]:
        value = variable.get("value")
        if value is None:
            value = fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        for earlier, known in found.items():
            value = value.replace(f"$({earlier})", known)
        found[variable["name"]] = value
    return found


def test_the_manifests_fit_together() -> None:
    found = manifests()
    assert set(found) == {
        ("Service", "search-chief"),
        ("Job", "search-chief"),
        ("Job", "search-workers"),
    }
    service = found["Service", "search-chief"]["spec"]
    chief = found["Job", "search-chief"]["spec"]["template"]
    workers = found["Job", "search-workers"]["spec"]
    assert service["selector"].items() <= chief["metadata"]["labels"].items()
    assert not service["selector"].items() <= workers["template"]["metadata"]["labels"].items()
    own = variables("search-chief", "10.0.0.5")
    assert own["KERASTUNER_TUNER_ID"] == "chief" and own["KERASTUNER_ORACLE_IP"] == "10.0.0.5"
    assert own["CUDA_VISIBLE_DEVICES"] == "-1"
    ids = {variables("search-workers", "", i)["KERASTUNER_TUNER_ID"] for i in range(8)}
    assert workers["completionMode"] == "Indexed" and workers["completions"] == len(ids)
    worker = variables("search-workers", "")
    assert worker["KERASTUNER_ORACLE_IP"] == "search-chief"  # the service's name
    (port,) = (each["port"] for each in service["ports"])
    (listening,) = (each["containerPort"] for each in container("search-chief")["ports"])
    ports = {own["KERASTUNER_ORACLE_PORT"], worker["KERASTUNER_ORACLE_PORT"]}
    assert ports == {str(port)} == {str(listening)}
    for pod in (chief["spec"], workers["template"]["spec"]):
        (volume,) = pod["volumes"]
        (mounted,) = pod["containers"][0]["volumeMounts"]
        assert mounted["name"] == volume["name"] and mounted["mountPath"] == "/results"
        assert "/results" in pod["containers"][0]["command"]


def test_the_pods_search_together(place: Path) -> None:
    """Each container's command with its variables, where every address is this machine's."""
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(free_port())}
    pods = [("search-chief", 0), ("search-workers", 0), ("search-workers", 1)]
    started = []
    for name, index in pods:
        command = [
            str(place / "shared" if c == "/results" else c) for c in container(name)["command"]
        ]
        command[command.index("--trials") :] = SMALL
        started.append(run(command, place, **{**variables(name, "", index), **address}))
    outputs = output_of(*started)
    assert [process.returncode for process in started] == [0, 0, 0], outputs
    check_search(place / "shared")


RAY_PODS = {
    "head": ("Deployment", "search-ray-head"),
    "worker": ("Deployment", "search-ray-workers"),
    "search": ("Job", "search-ray"),
}


def ray_pod(role: str) -> dict[str, Any]:
    template = manifests("ray.yaml")[RAY_PODS[role]]["spec"]["template"]
    assert template["metadata"]["labels"] == {"app": "search-ray", "role": role}
    return dict(template["spec"])


def ray_container(role: str) -> dict[str, Any]:
    (found,) = ray_pod(role)["containers"]
    return dict(found)


def test_the_manifests_of_ray_fit_together() -> None:
    found = manifests("ray.yaml")
    assert set(found) == {("Service", "search-ray-head"), *RAY_PODS.values()}
    service = found["Service", "search-ray-head"]["spec"]
    assert service["selector"] == {"app": "search-ray", "role": "head"}
    assert "type" not in service  # of the cluster's own network
    (port,) = (each["port"] for each in service["ports"])
    assert [each["containerPort"] for each in ray_container("head")["ports"]] == [port]
    assert f"--port={port}" in ray_container("head")["command"]
    for role, place in RAY_PODS.items():
        selector = found[place]["spec"].get("selector")
        assert selector is None or selector["matchLabels"] == {"app": "search-ray", "role": role}
        command = " ".join(ray_container(role)["command"])
        assert role == "head" or f"--address=search-ray-head:{port} " in command
        assert "dashboard" not in command  # it listens within the pod
        environment = {each["name"]: each for each in ray_container(role)["env"]}
        token = environment["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]
        assert token == {"name": "search-ray", "key": "token"}
        assert environment["RAY_AUTH_MODE"]["value"] == "token"
        mounted = {each["name"] for each in ray_container(role).get("volumeMounts", [])}
        assert mounted == {each["name"] for each in ray_pod(role).get("volumes", [])}
        assert ("results" in mounted) == (role != "head")
    worker = ray_container("worker")
    gpus = worker["resources"]["limits"]["nvidia.com/gpu"]
    cpus = worker["resources"]["requests"]["cpu"]
    assert {f"--num-cpus={cpus}", f"--num-gpus={gpus}"} <= set(worker["command"])


def test_the_pods_of_ray_search_together(place: Path, ray_folder: str) -> None:
    """Each container's command, where every address is this machine's."""
    port = str(free_port())
    token = secrets.token_hex(32)

    def start(role: str) -> subprocess.Popen[str]:
        here = {
            "search-ray-head:6379": f"127.0.0.1:{port}",
            "6379": port,
            "/results": str(place / "shared"),
            "--trials 40": " ".join(SMALL),
        }
        command = ray_container(role)["command"]
        for there, instead in here.items():
            command = [word.replace(there, instead) for word in command]
        plain = {e["name"]: e["value"] for e in ray_container(role)["env"] if "value" in e}
        own = f"{ray_folder}/{role}"  # as each pod has a /tmp of its own
        return run(command, place, **plain, RAY_AUTH_TOKEN=token, RAY_TMPDIR=own)

    def until_ready(number: str) -> None:
        """Waits for a node, since here they share a folder, and race."""
        for name in ("plasma_store", "raylet"):
            socket = f"head/ray/session_*/sockets/{name}{number}"
            until(lambda socket=socket: list(Path(ray_folder).glob(socket)))

    head = start("head")
    until_ready("")
    worker = start("worker")
    until_ready(".1")
    search = start("search")
    search.wait(240)  # three processes of a busy machine start Ray at once
    nodes = [head.poll(), worker.poll()]
    end_all_of(ray_folder)  # which hold the other end of the pipe, too
    output, *others = output_of(search, head, worker)
    assert (search.returncode, nodes) == (0, [None, None]), "\n".join([output, *others])
    assert output.count("digits: the 4 best of 4 trials") == 1
    check_search(place / "shared")
