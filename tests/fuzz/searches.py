"""Random searches with every oracle: parallel, stopped and resumed, with all kinds of outcomes.

`python -m tests.fuzz.searches --spaces 5000` runs one with each oracle in each of 5,000 spaces.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_extensions import oracles, samplers
from kt_extensions.record import PARENT
from kt_extensions.space import SearchSpace
from tests.fuzz.programs import Program, Values, allows, by_name, declare, program

TRIALS = 12
RUNNING = 3  # at once, at most

_SKOPT = [
    {"surrogate": surrogate, "acquisition": acquisition}
    for surrogate in ("ET", "RF", "GBRT", "GP")
    for acquisition in ("EI", "LCB", "PI")
]

# Models from the third trial on, and quick ones.
SAMPLERS: dict[str, Callable[[random.Random], samplers.Sampler]] = {
    "gp": lambda r: samplers.GP(n_startup=2, n_candidates=50, hopeful=r.choice([0.0, 0.5, 1.0])),
    "kde": lambda r: samplers.KDE(n_startup=2),
    "pso": lambda r: samplers.PSO(n_particles=r.choice([1, 2, 4])),
    "random": lambda r: samplers.Random(),
    "skopt": lambda r: samplers.Skopt(n_startup=2, n_candidates=50, n_trees=4, **r.choice(_SKOPT)),
    "tpe": lambda r: samplers.TPE(n_startup=2, explore=r.choice([0.0, 0.3, 1.0])),
}

_EPOCHS = {"max_epochs": 9, "factor": 3}
ORACLES: dict[str, tuple[str | None, dict[str, Any]]] = {
    "ASHAOracle": ("kde", _EPOCHS),
    "AutoOracle": (None, {}),
    "BOHBOracle": ("kde", {**_EPOCHS, "hyperband_iterations": None}),
    "GPOracle": ("gp", {}),
    "HyperbandOracle": ("random", {**_EPOCHS, "hyperband_iterations": 1}),
    "PSOOracle": ("pso", {}),
    "SamplerOracle": ("random", {}),
    "SkoptOracle": ("skopt", {}),
    "TPEOracle": ("tpe", {}),
}
"""The sampler that each is given, and its own arguments."""

ONE = [kt.Objective("score", "max"), kt.Objective("score", "min")]
TWO = [kt.Objective("score", "max"), kt.Objective("size", "min")]


class Search:
    """A search of random events, each checked.

    Args:
        name: The oracle.
        program: What trials declare.
        r: Random numbers.
        folder: Where the project is to be.
    """

    def __init__(self, name: str, program: Program, r: random.Random, folder: str) -> None:
        self.program, self.folder, self._r = program, folder, r
        sampler, own = ORACLES[name]
        self._class = getattr(oracles, name)
        self._kwargs = {
            **own,
            "objective": r.choice([*ONE, *ONE, *ONE, TWO]),
            "max_trials": TRIALS,
            "seed": r.randrange(1000),
            "max_retries_per_trial": r.choice([0, 0, 1]),
            "max_consecutive_failed_trials": None,
            "sampler": sampler and SAMPLERS[sampler](r),
        }
        self._declarations = by_name(program)
        self._running: dict[str, Trial] = {}
        self._began: dict[str, Values] = {}  # what each trial was to try last
        self._open()

    def _open(self) -> None:
        """Makes the oracle and takes up what is in the folder, as a tuner does."""
        self.oracle = self._class(**self._kwargs)
        self.oracle.verbose = 0
        self.oracle._set_project_dir(self.folder, "project")
        if os.path.exists(self.oracle._get_oracle_fname()):
            self.oracle.reload()
        if not self.oracle.hyperparameters.space:
            hp = self.oracle.get_space()
            declare(hp, self.program, 0)
            self.oracle.update_space(hp)

    def run(self) -> None:
        """Runs the search to its end."""
        while self._begin() or self._running:
            while self._running and (len(self._running) == RUNNING or self._r.random() < 0.5):
                self._end(self._r.choice([*self._running]))
            if self._r.random() < 0.04:
                self._resume()

    def _begin(self) -> bool:
        """Asks for a trial; returns whether the search goes on."""
        tuner = next(str(i) for i in range(RUNNING + 1) if str(i) not in self._running)
        waiting = self._waiting()
        trial = self.oracle.create_trial(tuner)
        if trial.status == "RUNNING":
            assert trial.trial_id in waiting or not waiting, "not one that was to run again"
            self._check_begun(trial)
            self._running[tuner] = trial
        elif trial.status == "IDLE":
            assert self._running, "told to wait, for nothing"
        else:
            assert trial.status == "STOPPED"
            assert self._may_end(), f"ended with {self._untried()} untried configurations"
        if trial.status != "RUNNING" and self._running:
            self._end(self._r.choice([*self._running]))
            return True
        return bool(trial.status == "RUNNING")

    def _waiting(self) -> set[str]:
        """Returns the trials that were interrupted, or are retried."""
        running = {trial.trial_id for trial in self._running.values()}
        return self.oracle.trials.keys() - running - {*self.oracle.end_order}

    def _may_end(self) -> bool:
        planned = self.oracle.planned_trials
        return len(self.oracle.trials) >= planned or self._untried() <= 0

    def _check_begun(self, trial: Trial) -> None:
        values = trial.hyperparameters.values
        assert json.loads(json.dumps(values)) == values
        own = _own(values)
        for name, value in own.items():
            assert allows(self._declarations[name], value), f"{name} = {value!r}"
        before = self._began.get(trial.trial_id)
        if before is not None:  # the space may have grown since
            shared = before.keys() & values.keys()
            assert all(values[n] == before[n] for n in shared), "other values when run again"
        self._began[trial.trial_id] = dict(values)
        assert own.keys() == self._active(own), "other names than the active ones"
        if PARENT not in values and before is None:
            assert _key(own) not in self._known(but=trial.trial_id), "a configuration twice"

    def _known(self, but: str) -> set[str]:
        """Returns the configurations of the other trials, of those that run as they began."""
        trials, order = self.oracle.trials, self.oracle.end_order
        begun = [self._began[name] for name in self._began.keys() - {but, *order}]
        return _keys(begun) | _keys(trials[name].hyperparameters.values for name in order)

    def _end(self, tuner: str) -> None:
        """Runs a trial: builds its model and reports one outcome or another."""
        trial = self._running.pop(tuner)
        hp = trial.hyperparameters
        planned = _own(hp.values)
        given = declare(hp, self.program, int(trial.trial_id))
        told = {name: value for name, value in given if value is not None and name in planned}
        assert told.items() <= planned.items(), "other values in the model"
        score = self._r.choice(
            [self._r.random(), self._r.gauss(0, 1), 0.5, 1e300, -1e-300, None, math.nan, math.inf]
        )
        status = self._r.choice(["COMPLETED", "COMPLETED", "COMPLETED", "STOPPED"])
        if score is None:
            status, trial.message = self._r.choice(["INVALID", "FAILED"]), "an error"
        else:
            metrics = {"score": score, "size": self._r.randint(1, 5)}
            self.oracle.update_trial(trial.trial_id, metrics, step=self._r.randint(0, 8))
        trial.status = status
        self.oracle.end_trial(trial)

    def _resume(self) -> None:
        """Kills the program and runs it again: it has to know all, and goes on where it was."""
        before = self._state()
        self._running = {}
        self._open()
        assert self._state() == before, "another state after a resume"

    def _state(self) -> list[Any]:
        ended = [self.oracle.trials[name] for name in self.oracle.end_order]
        best = [trial.trial_id for trial in self.oracle.get_best_trials(3)]
        return [best, *self.oracle.trials] + [
            [t.trial_id, t.status, json.dumps(t.hyperparameters.values), repr(t.score)]
            for t in ended
        ]

    def _active(self, values: Values) -> set[str]:
        """Returns the names that KerasTuner calls active."""
        hp = self.oracle.hyperparameters
        before, hp.values = hp.values, dict(values)
        try:
            return {declared.name for declared in hp.space if hp.is_active(declared)}
        finally:
            hp.values = before

    def _untried(self) -> float:
        """Returns how many configurations of the whole space, as known now, were not tried.

        Below 0 if defaults of KerasTuner's were tried that no steps lead to.
        """
        space = SearchSpace.from_hyperparameters(self.oracle.hyperparameters.space)
        trials = self.oracle.trials.values()
        tried = [json.loads(key) for key in _keys(t.hyperparameters.values for t in trials)]
        whole = [values for values in tried if values.keys() == self._active(values)]
        return space.n_configurations - len(whole)


def _own(values: Values) -> Values:
    return {name: value for name, value in values.items() if not name.startswith("tuner/")}


def _key(values: Values) -> str:
    return json.dumps(values, sort_keys=True)


def _keys(configurations: Iterable[Values]) -> set[str]:
    return {_key(_own(values)) for values in configurations}


def run(name: str, program: Program, r: random.Random) -> int:
    """Searches with an oracle in the space of a program. Returns how many trials there were."""
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None  # in memory
    with (
        tempfile.TemporaryDirectory(dir=shared) as folder,
        contextlib.redirect_stdout(io.StringIO()),  # KerasTuner tells of each retry
    ):
        search = Search(name, program, r, folder)
        search.run()
        return len(search.oracle.trials)


def main() -> None:
    """Runs many searches; tells of each that breaks a rule, by the oracle and the space."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--spaces", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0, help="number of the first space")
    parser.add_argument("--oracles", nargs="+", choices=ORACLES, default=list(ORACLES))
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "All-NaN")  # KerasTuner, of a score that is NaN
    broken = 0
    for done in range(1, arguments.spaces + 1):
        for name in arguments.oracles:
            broken += _breaks(name, arguments.first + done - 1)
        if done % 100 == 0 or done == arguments.spaces:
            seconds = time.process_time()
            print(f"{done} spaces, {seconds:.0f} s of CPU time, {broken} broken", flush=True)
    sys.exit(bool(broken))


def _breaks(name: str, number: int) -> bool:
    """Whether a search breaks a rule; tells which."""
    r = random.Random(number)
    try:
        run(name, program(r), r)
    except Exception:
        print(f"{name}, space {number}:\n{traceback.format_exc(limit=-7)}", flush=True)
        return True
    return False


if __name__ == "__main__":
    main()
