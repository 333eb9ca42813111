"""Samplers with one warm-up trial, so that it is their models that the contract tests."""

from __future__ import annotations

import dataclasses
from typing import Any

from kt_extensions.samplers import PSO, REGISTRY, Auto, Sampler
from kt_extensions.samplers.auto import Choice
from kt_extensions.space import SearchSpace


class WarmedUpAuto(Auto):
    """Chooses as `Auto` does, but samplers with one warm-up trial."""

    def choose(self, space: SearchSpace) -> Choice:
        choice = super().choose(space)
        return dataclasses.replace(choice, sampler=warmed_up(choice.sampler))


def warmed_up(sampler: Any) -> Any:
    """Returns a sampler that begins with one random trial, a swarm with one of two particles."""
    if isinstance(sampler, PSO):
        return dataclasses.replace(sampler, n_particles=2)
    if isinstance(sampler, Auto):
        return WarmedUpAuto(sampler.max_trials)
    return dataclasses.replace(sampler, n_startup=1) if hasattr(sampler, "n_startup") else sampler


def registered(name: str) -> Sampler:
    """Returns the registered sampler with this name, warmed up."""
    return warmed_up(REGISTRY[name]())
