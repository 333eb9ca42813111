"""How much each hyperparameter decides whether a trial is among the best.

Watanabe, Bansal & Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
Arbitrary Subspaces", IJCAI 2023.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kt_extensions import pareto
from kt_extensions.searches import SearchView, TrialView, view_of
from kt_extensions.space.domains import Array, Domain
from kt_extensions.space.reading import from_hyperparameter

if TYPE_CHECKING:
    import keras_tuner

_TOP = 0.1  # gamma', the share of the trials that are the best
_ENOUGH = 15  # of the best, or else a quarter of the trials
_LEAST = 10
_CELLS = 64  # of a grid, at most
_TINY = 1e-300


def importances(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
) -> dict[str, float]:
    """Returns the share that each hyperparameter has in what makes a trial one of the best.

    PED-ANOVA: the variance, over the values of a hyperparameter, of the chance that a trial is
    among the best tenth; of fewer than 150 trials, the best 15, but at most a quarter. That chance
    is estimated by kernels from the trials of the search, so it is that in the region where the
    search has looked. A hyperparameter that is not always active is compared among the trials in
    which it is: what its being active makes of them is put down to those that it depends on. Failed
    trials are among the others; a trial that another one goes on from counts only as that one. Of
    several objectives, the best are those of the first Pareto fronts.

    Few trials say little: with 50 of them, one in ten hyperparameters that make no difference has a
    share above a tenth.

    Args:
        source: A tuner, or the project folder (`directory/project_name`) of any KerasTuner search,
            running or finished.

    Returns:
        The shares by name, the largest first. They sum to 1, or are all 0 if no hyperparameter
        makes a difference. Those with a single value are left out.

    Raises:
        FileNotFoundError: If the folder holds no trials.
        ValueError: If fewer than 10 trials have ended.

    Example:
        >>> importances("results/digits")  # doctest: +SKIP
        {'rate': 0.74, 'units': 0.21, 'activation': 0.05}
    """
    search = view_of(source)
    trials = _compared(search)
    if len(trials) < _LEAST:
        raise ValueError(
            f"Expected a search in which at least {_LEAST} trials have ended, promoted ones "
            f"counted once. Received: {search.name!r} with {len(trials)}. Let it run longer."
        )
    best = _best(search, trials)
    variances = {
        name: _variance(domain, [trial.values.get(name) for trial in trials], best)
        for name, domain in _domains(search).items()
    }
    return _shares(variances)


def _compared(search: SearchView) -> list[TrialView]:
    """Returns the trials that have ended, of each line of descent the last."""
    ended = [trial for trial in search.trials if trial.scores or trial.failed]
    continued = {trial.parent for trial in ended}
    return [trial for trial in ended if trial.trial_id not in continued]


def _best(search: SearchView, trials: list[TrialView]) -> Any:
    """Tells which trials are among the best: array `(n,)`."""
    signs = np.array([1.0 if d == "min" else -1.0 for _, d in search.objectives])
    scored = np.array([bool(trial.scores) for trial in trials])
    values = np.array([trial.scores for trial in trials if trial.scores])
    places = np.full(len(trials), len(trials))
    if scored.any():
        places[scored] = pareto.places(values * signs)
    count = max(math.ceil(_TOP * len(trials)), min(_ENOUGH, len(trials) // 4))
    best = np.zeros(len(trials), bool)
    best[np.argsort(places, kind="stable")[:count]] = True
    return best & scored


def _domains(search: SearchView) -> dict[str, Domain]:
    """Returns the domains with several values, of a name with several ones the first."""
    domains: dict[str, Domain] = {}
    for hyperparameter in search.space:
        domains.setdefault(hyperparameter.name, from_hyperparameter(hyperparameter))
    return {name: domain for name, domain in domains.items() if domain.size != 1}


def _variance(domain: Domain, values: list[Any], best: Any) -> float:
    """Returns how much the chance to be among the best varies with a hyperparameter.

    The share of the trials in which it is active, times the variance among these: where it always
    is, that is gamma'^2 times the Pearson divergence of the paper's equation 11. Both densities
    have the same kernels, so that their ratio times gamma' is a chance: it does not exceed 1. What
    would be there by chance, which is much if there are few trials, is taken off.
    """
    x = np.array([_coordinate(domain, value) for value in values])
    active = ~np.isnan(x)
    if not best[active].any():
        return 0.0
    kernels = _kernels(domain, x[active])
    density = kernels.mean(axis=0)
    weights = kernels / np.maximum(kernels.sum(axis=0), _TINY)
    chance, overall = best[active] @ weights, best[active].mean()
    variance = density @ ((chance - overall) ** 2 - _by_chance(overall, weights))
    return max(float(active.mean() * variance), 0.0)


def _by_chance(overall: float, weights: Array) -> Array:
    """Returns the squared deviation in each cell to expect if the best were drawn at random."""
    n = len(weights)
    spread = overall * (1 - overall) * n / max(n - 1, 1)
    expected: Array = spread * ((weights**2).sum(axis=0) - 1 / n)
    return expected


def _coordinate(domain: Domain, value: Any) -> float:
    """Returns where a value lies in [0, 1); NaN if it was inactive, or its domain lacks it."""
    try:
        return math.nan if value is None else domain.coordinate(value)
    except ValueError:
        return math.nan


def _kernels(domain: Domain, x: Array) -> Array:
    """Returns the kernel of each point, its mass in each cell of a grid: array `(n, cells)`."""
    size = domain.size or _CELLS
    if not domain.ordered:
        options: Array = np.eye(size)[np.minimum(x * size, size - 1).astype(int)]
        return options
    cells = min(size, _CELLS)
    centers = (np.arange(cells) + 0.5) / cells
    mass = np.exp(-0.5 * ((centers - x[:, np.newaxis]) / _bandwidth(x, cells)) ** 2)
    kernels: Array = mass / mass.sum(axis=1, keepdims=True)
    return kernels


def _bandwidth(x: Array, cells: int) -> float:
    """Scott's rule, with half a cell as the least."""
    quartiles = np.percentile(x, [25, 75])
    spread = min(float(x.std()), float(quartiles[1] - quartiles[0]) / 1.34) or float(x.std())
    scott = 1.059 * spread * math.pow(len(x), -0.2)
    return max(scott, 0.5 / cells)


def _shares(variances: Mapping[str, float]) -> dict[str, float]:
    total = sum(variances.values()) or 1.0
    ordered = sorted(variances.items(), key=lambda item: -item[1])
    return {name: variance / total for name, variance in ordered}
