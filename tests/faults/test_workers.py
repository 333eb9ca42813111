"""Workers, nodes and programs that die: nothing finished is lost, nothing else runs twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cloudpickle
import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions.isolation import Outcome
from kt_extensions.parallel import Call
from tests.clusters import two_nodes

# A busy machine may take a minute to start a worker.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Still no worker"),
    pytest.mark.usefixtures("light"),
]

N_TRIALS = 6


class Tuner(kte.Tuner):
    """Notes each run in a file, and dies where its `deadly` says."""

    deadly: dict[int, int] = {}  # noqa: RUF012  # how often a trial kills its worker, by number

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        number = int(trial.trial_id)
        runs = Path(self.project_dir, f"runs-{number}")
        with runs.open("a") as file:
            print(os.getpid(), file=file)
        self.work(number)
        if len(runs.read_text().split()) <= self.deadly.get(number, 0):
            os.kill(os.getpid(), signal.SIGKILL)
        return float(number)

    def work(self, number: int) -> None:
        time.sleep(0.2)


class LosingANode(Tuner):
    """Its third and fourth trial wait for the loss of a node, the others then for a new worker."""

    def work(self, number: int) -> None:
        if number >= 2:
            wait_for(Path(self.project_dir, "lost").exists)
        if number >= 4:
            wait_for(lambda: len(processes(self)) == 3)


def made(folder: Path, cls: type[Tuner] = Tuner, **kwargs: Any) -> Tuner:
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    oracle = kte.oracles.TPEOracle(
        max_trials=N_TRIALS, seed=0, hyperparameters=hp, max_consecutive_failed_trials=None
    )
    return cls(oracle, directory=folder, project_name="project", **kwargs)


def runs(tuner: kte.Tuner) -> Counter[int]:
    """How often each trial was run."""
    files = Path(tuner.project_dir).glob("runs-*")
    return Counter({int(f.name[5:]): len(f.read_text().split()) for f in files})


def processes(tuner: kte.Tuner) -> set[str]:
    """Those that have run trials."""
    files = Path(tuner.project_dir).glob("runs-*")
    return {pid for file in files for pid in file.read_text().split()}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as nodes:
        yield nodes


def environment(**variables: str) -> dict[str, str]:
    """That of a program."""
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, **variables}


@pytest.mark.parametrize("place", ["local", "ray"])
def test_workers_that_die_are_replaced(tmp_path: Path, place: str, request: Any) -> None:
    """A trial that has been the death of three workers is failed, any other runs again."""
    where: dict[str, Any] = {"workers": 2}
    if place == "ray":
        address = request.getfixturevalue("cluster").address
        where = {"parallel": "ray", "address": address}
    tuner = made(tmp_path, **where)
    tuner.deadly = {1: 1, 3: 99}
    with pytest.warns(UserWarning, match="worker of trial . has died; another one runs") as told:
        tuner.search(verbose=0)
    assert len([w for w in told if "another one runs" in str(w.message)]) == 3
    trials = tuner.oracle.trials
    assert [t.status for t in trials.values()] == [
        "FAILED" if number == 3 else "COMPLETED" for number in range(N_TRIALS)
    ]
    assert "It was the third worker of this trial that has died." in trials["3"].message
    assert ("SIGKILL" if place == "local" else "Ray worker") in trials["3"].message
    assert runs(tuner) == {0: 1, 1: 2, 2: 1, 3: 3, 4: 1, 5: 1}
    assert [f["trial_id"] for f in tuner.failures()] == ["3"]


def process(workplace: Any) -> int:
    return os.getpid()


def test_a_trial_is_not_blamed_for_the_death_of_an_idle_ray_worker(cluster: Any) -> None:
    from kt_extensions.parallel.ray_crew import RayCrew

    asked = Call(process, cloudpickle.dumps(()), {})
    crew = RayCrew((), print, {}, 1, {"CPU": 1}, cluster.address)
    with contextlib.closing(crew):
        pid = run_alone(crew, asked).value
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not is_alive(pid))
        lost = run_alone(crew, asked)
        assert "Ray worker has died" in str(lost.death) and not lost.began
        assert run_alone(crew, asked).value != pid


def run_alone(crew: Any, call: Call) -> Outcome:
    """Runs a call as soon as a worker is idle."""
    deadline = time.monotonic() + 90
    while not (idle := crew.idle()):
        crew.wait(1.0)
        assert time.monotonic() < deadline
    crew.submit(idle[0], call)
    while not (ended := crew.wait(1.0)):
        assert time.monotonic() < deadline
    return ended[0].outcome


def test_a_node_is_lost_and_another_comes(tmp_path: Path, cluster: Any) -> None:
    """The trial of the lost node runs elsewhere, and the new node gets some."""
    tuner = made(tmp_path, LosingANode, parallel="ray", address=cluster.address)
    _, lost = list(cluster.list_all_nodes())
    with (
        ThreadPoolExecutor() as pool,
        pytest.warns(UserWarning, match="has died; another one runs the trial") as told,
    ):
        searched = pool.submit(tuner.search, verbose=0)
        wait_for(lambda: {2, 3} <= set(runs(tuner)))
        cluster.remove_node(lost, allow_graceful=False)
        Path(tuner.project_dir, "lost").touch()
        cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
        searched.result()
    assert len([w for w in told if "another one runs" in str(w.message)]) == 1
    assert [t.status for t in tuner.oracle.trials.values()] == ["COMPLETED"] * N_TRIALS
    assert sum(runs(tuner).values()) == N_TRIALS + 1


PROGRAM = """
import os, signal, sys, time
import kt_extensions as kte

class Search(kte.TPE):
    def run_trial(self, trial, *args, **kwargs):
        with open("processes", "a") as file:
            print(os.getpid(), file=file)
        number = int(trial.trial_id)
        if number >= 2:
            open(f"began-{number}", "w").close()
            time.sleep(600)
        return trial.hyperparameters.Float("x", 0.0, 1.0)

if sys.argv[1] != "local":
    workers = {"parallel": "ray", "workers": 2, "resources_per_trial": {"CPU": 0.5}}
else:
    workers = {"workers": 2}
Search(max_trials=4, seed=0, project_name="project", **workers).search(verbose=0)
"""


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("local", signal.SIGKILL),
        ("local", signal.SIGINT),
        ("ray", signal.SIGKILL),
        ("two nodes", signal.SIGKILL),
    ],
)
def test_a_program_that_is_stopped_leaves_no_worker_and_can_be_resumed(
    tmp_path: Path, cluster: Any, place: str, number: int
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    where = {"RAY_ADDRESS": cluster.address} if place == "two nodes" else {}
    program = subprocess.Popen(
        [sys.executable, "program.py", place], cwd=tmp_path, env=environment(**where), text=True,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for(lambda: all((tmp_path / f"began-{n}").exists() for n in (2, 3)))
    program.send_signal(number)
    _, said = program.communicate(timeout=60)
    assert program.returncode == -number or (number == signal.SIGINT and program.returncode), said
    used = [int(line) for line in (tmp_path / "processes").read_text().split()]
    wait_for(lambda: not any(map(is_alive, used)))
    oracle = kte.oracles.TPEOracle(max_trials=4, seed=0)
    resumed = Tuner(oracle, directory=tmp_path, project_name="project", workers=2)
    statuses = [trial.status for trial in resumed.oracle.trials.values()]
    assert statuses == ["COMPLETED", "COMPLETED", "RUNNING", "RUNNING"]
    resumed.search(verbose=0)
    assert {trial.status for trial in resumed.oracle.trials.values()} == {"COMPLETED"}
    assert runs(resumed) == {2: 1, 3: 1}


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    """Whether a process runs: one that nobody has waited for has ended, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


LISTENING = """
import contextlib, os
from pathlib import Path
from kt_extensions.parallel.cluster import Cluster

def family(parent):
    found, processes = {parent}, []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        processes.append((int(status.parent.name), int(fields[1])))
    for _ in range(9):
        found |= {pid for pid, parent in processes if parent in found}
    return found

def sockets(pid):
    with contextlib.suppress(OSError):  # it has ended
        yield from [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]

cluster = Cluster({"CPU": 1}, {}, 0, None)
own = {name for pid in family(os.getpid()) for name in sockets(pid)}
for file in ("tcp", "tcp6"):
    for line in Path(f"/proc/net/{file}").read_text().splitlines()[1:]:
        _, local, _, state, *_, inode = line.split()[:10]
        if state == "0A" and f"socket:[{inode}]" in own:
            print(local.split(":")[0][-8:])
cluster.close()
"""


@pytest.mark.usefixtures("cluster")
def test_a_cluster_of_ones_own_listens_on_this_machine_alone() -> None:
    """Addresses are written as the kernel does: four bytes from the last to the first.

    The cluster that runs on this machine is not joined.
    """
    command = [sys.executable, "-c", LISTENING]
    shown = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
    addresses = shown.stdout.split()
    assert len(addresses) >= 3, shown.stderr
    assert set(addresses) == {"0100007F"}
