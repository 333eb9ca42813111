"""Where the trials of a tuner run, as it was asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from kt_extensions.checking import check_integer, is_number
from kt_extensions.isolation import Limits
from kt_extensions.oracles.processes import is_chief, is_worker
from kt_extensions.parallel import Crew, LocalCrew
from kt_extensions.parallel.devices import environments

_PLACES = ("local", "ray")
_NONE = Limits()


@dataclass(frozen=True)
class Workers:
    """The arguments of a tuner that say where its trials run; see `kt_extensions.Tuner`.

    Args:
        count: How many trials run at once: `workers`.
        isolate: Whether each has a process of its own.
        limits: Of each trial.
        parallel: `"local"`, or `"ray"` for a cluster.
        gpus_per_trial: How many GPUs of this machine each gets.
        resources: What each needs of a cluster: `resources_per_trial`.
        address: That of the cluster.

    Raises:
        ValueError: If the arguments are out of their ranges, or do not go with each other.
    """

    count: int | None = None
    isolate: bool = False
    limits: Limits = _NONE
    parallel: str = "local"
    gpus_per_trial: float | None = None
    resources: Mapping[str, float] | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.count is not None:
            check_integer("workers", self.count, 1)
        if self.parallel not in _PLACES:
            raise ValueError(
                f"Expected `parallel` to be one of {_PLACES}. Received: {self.parallel!r}."
            )
        self._check_limits()
        self._check_gpus()
        if (is_worker() or is_chief()) and (self.parallel == "ray" or (self.count or 1) > 1):
            raise ValueError(
                "Expected one trial at once in each worker of a chief, and none in the chief. "
                f"Received: workers={self.count}, parallel={self.parallel!r}. Start more workers "
                "instead."
            )
        if self.parallel == "ray":
            self._check_ray()
        elif self.resources is not None or self.address is not None:
            raise ValueError(
                "Expected parallel='ray' with `resources_per_trial` or `address`. Received: "
                f"parallel={self.parallel!r}. Pass it, or leave these out."
            )

    @property
    def are_elsewhere(self) -> bool:
        """Whether trials run in other processes than the tuner's."""
        return self.parallel == "ray" or self.isolate or (self.count or 1) > 1

    def crew(self, content: Any, prepare: Callable[[], None]) -> Crew:
        """Returns the workers.

        Args:
            content: What all trials work on.
            prepare: What each worker calls first.
        """
        own = {"KERAS_BACKEND": keras.backend.backend()}
        if self.parallel == "ray":
            from kt_extensions.parallel.ray_crew import RayCrew  # Ray is an extra

            return RayCrew(content, prepare, own, self.count, self.resources, self.address)
        shares = environments(self.count or 1, self.gpus_per_trial)
        return LocalCrew(
            content, [{**own, **share} for share in shares], prepare, anew=self.isolate
        )

    def _check_limits(self) -> None:
        seconds, memory = self.limits.seconds, self.limits.memory
        if not self.isolate and not (seconds is None and memory is None):
            raise ValueError(
                "Expected isolate=True with `trial_seconds` or `trial_memory`, since Keras cannot "
                "be interrupted safely inside of a process. Received: "
                f"isolate={self.isolate!r}, trial_seconds={seconds!r}, trial_memory={memory!r}. "
                "Pass isolate=True too, or leave out the limits."
            )
        if seconds is not None and not (_is_finite(seconds) and seconds > 0):
            raise ValueError(
                f"Expected `trial_seconds` to be above 0, or None. Received: {seconds!r}."
            )
        if memory is not None:
            check_integer("trial_memory", memory, 1)

    def _check_gpus(self) -> None:
        asked = self.gpus_per_trial
        if asked is not None and not self.are_elsewhere:
            raise ValueError(
                "Expected `workers` with `gpus_per_trial`: a trial in this process has the GPUs "
                f"that the process has. Received: workers={self.count}, gpus_per_trial={asked}. "
                "Pass workers=2 or more, or isolate=True, or leave it out."
            )
        if asked is not None and not _is_amount(asked):
            raise ValueError(
                "Expected `gpus_per_trial` to be a whole number, a fraction below 1 for several "
                f"trials on one GPU, or None to share all out. Received: {asked!r}."
            )

    def _check_resources(self) -> None:
        amounts = {} if self.resources is None else self.resources
        if not isinstance(amounts, Mapping) or not all(
            isinstance(name, str)
            and (_is_amount if name == "GPU" else _is_finite)(amount)
            and amount >= 0
            for name, amount in amounts.items()
        ):
            raise ValueError(
                "Expected `resources_per_trial` to be a dictionary of numbers by name, such as "
                "{'CPU': 2, 'GPU': 1}, GPUs whole or a fraction of one. "
                f"Received: {amounts!r}."
            )
        if not any({"CPU": 1, **amounts}.values()):
            raise ValueError(
                "Expected `resources_per_trial` to ask for something: a cluster has room for any "
                f"number of trials that need nothing. Received: {dict(amounts)}. Pass a part of a "
                "core, such as {'CPU': 0.5}."
            )
        wrong = [name for name in amounts if name.upper() in ("CPU", "GPU") and not name.isupper()]
        if wrong:
            raise ValueError(
                f"Expected 'CPU' and 'GPU' in `resources_per_trial` in capitals. Received: {wrong}."
            )

    def _check_ray(self) -> None:
        self._check_resources()
        if self.isolate:
            raise ValueError(
                "Expected isolate=False with parallel='ray'. Received: isolate=True. Ray's workers "
                "are processes of their own: one that dies takes no other trial with it."
            )
        if self.gpus_per_trial is not None:
            raise ValueError(
                "Expected `resources_per_trial` with parallel='ray'. Received: gpus_per_trial="
                f"{self.gpus_per_trial}. Pass resources_per_trial={{'CPU': 1, 'GPU': "
                f"{self.gpus_per_trial}}}."
            )


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


def _is_amount(value: Any) -> bool:
    """Whether it is a whole number of devices, or a fraction of one."""
    return _is_finite(value) and (0 <= value <= 1 or (value > 1 and value % 1 == 0))
