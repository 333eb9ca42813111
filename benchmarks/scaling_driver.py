"""What the driver of a search costs: 200 simulated workers whose trials take no time.

The tuner, its oracle, the files of the project and `kt_extensions.tuners.dispatch` are those of a
real search; only the workers are simulated. They unpickle a trial as real ones do, tell its loss
and end it. The time that this takes them is not the driver's and is left out; the pipes to real
processes are missing. Each search runs in a process of its own.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import keras
import keras_tuner as kt

import kt_extensions as kte
from benchmarks.memory import Memory, memory
from kt_extensions.isolation import Outcome
from kt_extensions.parallel import Call, Ended

WORKERS = 200
AT = (1_000, 2_000, 3_000, 4_000, 5_000, 6_000)
FLOATS = 6

Row = dict[str, Any]


class Mark(NamedTuple):
    """Seconds by the clock and by the CPU, and the memory."""

    wall: float
    cpu: float
    memory: Memory


class SimulatedCrew:
    """Workers that have ended a trial as soon as they are asked.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._calls: dict[int, Call] = {}
        self._wall = self._cpu = 0.0

    def idle(self) -> list[int]:
        return [worker for worker in range(self._count) if worker not in self._calls]

    def submit(self, worker: int, call: Call) -> None:
        self._calls[worker] = call

    def wait(self, seconds: float) -> list[Ended]:
        ended = [Ended(worker, self._run(call)) for worker, call in self._calls.items()]
        self._calls = {}
        return ended

    def close(self) -> None:
        self._calls = {}

    def mark(self) -> Mark:
        """Returns what of this process's time was the driver's, and its memory."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return Mark(wall, cpu, memory())

    def _run(self, call: Call) -> Outcome:
        """Runs a trial; what the oracle does for it is the driver's work."""
        began = time.perf_counter(), time.process_time()
        _, trial, *_ = pickle.loads(call.arguments)
        values = trial.hyperparameters.values
        loss = sum((value - 0.3) ** 2 for value in values.values() if isinstance(value, float))
        self._wall += time.perf_counter() - began[0]
        self._cpu += time.process_time() - began[1]
        call.objects["oracle"].update_trial(trial.trial_id, {"loss": loss})
        return Outcome(value=(trial.hyperparameters, "COMPLETED", None))


class DriverTuner(kte.Tuner):
    """A tuner whose trials a simulated crew runs.

    Args:
        crew: The crew.
        at: Numbers of ended trials at which it notes what it has cost.
    """

    def __init__(self, crew: SimulatedCrew, at: Sequence[int], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._simulated, self._at, self._n_ended = [crew], at, 0
        self.marks = [crew.mark()]

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    def on_trial_end(self, trial: Any) -> None:
        super().on_trial_end(trial)
        self._n_ended += 1
        if self._n_ended in self._at:
            self.marks.append(self._simulated[0].mark())

    def _crew(self, args: Any, kwargs: Any, settings: Any = None) -> Any:
        return closing(self._simulated[0])

    def _copy(self) -> Any:
        other = super()._copy()
        for name in ("_simulated", "_at", "marks"):
            other.__dict__.pop(name, None)
        return other


def measure(trials: Sequence[int]) -> Row:
    """Runs a search in this process.

    Returns:
        `imported`, the memory before the search, and for each number of `trials` the memory then,
        and the trials a second, by the clock and by the CPU, since the one before.
    """
    imported, crew = memory(), SimulatedCrew(WORKERS)
    with tempfile.TemporaryDirectory() as folder:
        oracle = kte.oracles.TPEOracle(
            kt.Objective("loss", "min"), max_trials=max(trials), seed=0, hyperparameters=_space()
        )
        tuner = DriverTuner(crew, trials, oracle, directory=folder, workers=WORKERS)
        tuner.search(verbose=0)
    backend = keras.backend.backend()
    return {"backend": backend, "imported": imported, "trials": rows(trials, tuner.marks)}


def _space() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    for i in range(FLOATS):
        hp.Float(f"x{i}", 0.0, 1.0)
    hp.Choice("kind", ["a", "b", "c"])
    hp.Int("units", 1, 64)
    return hp


def rows(trials: Sequence[int], marks: Sequence[Mark]) -> list[Row]:
    """Returns the rates between marks, the first of which is the beginning.

    Example:

    >>> first, last = Mark(0.0, 0.0, Memory(600.0, 300.0)), Mark(2.0, 1.0, Memory(601.0, 301.0))
    >>> rows([100], [first, last])[0]["cpu_per_second"]
    100.0
    """
    found = []
    for before, here, first, last in zip([0, *trials], trials, marks, marks[1:], strict=False):
        rates = {
            "wall_per_second": (here - before) / (last.wall - first.wall),
            "cpu_per_second": (here - before) / (last.cpu - first.cpu),
        }
        found.append({"after": here, **rates, "memory": last.memory})
    return found


def growth(found: Sequence[Row]) -> float:
    """Returns the power of the number of trials that the CPU time of a trial grows with.

    That is from the first of the numbers to the last: 0 is no growth, 1 a linear one.

    Example:

    >>> growth([{"after": 1000, "cpu_per_second": 100.0}, {"after": 4000, "cpu_per_second": 50.0}])
    0.5
    """
    first, last = found[0], found[-1]
    slower = first["cpu_per_second"] / last["cpu_per_second"]
    return math.log(slower) / math.log(last["after"] / first["after"])


def measure_elsewhere(python: Path, backend: str, trials: Sequence[int]) -> Row:
    """Runs `measure` in a new process of an interpreter, with a backend of Keras.

    Returns:
        What it has found, the `growth` of a trial's time, and `imports`: the memory of a process
        after each of its imports.
    """
    listed = ",".join(map(str, trials))
    found: Row = _told(python, backend, "-m", "benchmarks.scaling_driver", listed)
    modules = json.dumps(_MODULES | {"the backend": [backend]})
    imports = _told(python, backend, "-c", _IMPORTS, modules)
    return {**found, "growth": growth(found["trials"]), "imports": imports}


def _told(python: Path, backend: str, *command: str) -> Any:
    environment = {**os.environ, "KERAS_BACKEND": backend}
    run = [str(python), *command]
    told = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(told.stdout.splitlines()[-1])


_MODULES: dict[str, list[str]] = {
    "Python": [],
    "NumPy, SciPy, scikit-learn": ["numpy", "scipy.stats", "sklearn"],
    "the backend": [],
    "Keras": ["keras"],
    "KerasTuner": ["keras_tuner"],
    "kt_extensions": ["kt_extensions.tuners", "kt_extensions.oracles"],
}
_IMPORTS = """
import importlib, json, sys
from benchmarks.memory import memory
found = {}
for name, modules in json.loads(sys.argv[1]).items():
    for module in modules:
        importlib.import_module(module)
    found[name] = memory()
print(json.dumps(found))
"""


if __name__ == "__main__":
    from benchmarks import scaling_driver  # its classes are then pickled by their names

    print(json.dumps(scaling_driver.measure([int(n) for n in sys.argv[1].split(",")])))
