"""scikit-optimize's surrogate models, made for today's scikit-learn.

Imports scikit-learn and scikit-optimize: import it where a model is needed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.ensemble import GradientBoostingRegressor
from skopt.learning import (
    ExtraTreesRegressor,
    GaussianProcessRegressor,
    GradientBoostingQuantileRegressor,
    RandomForestRegressor,
)
from skopt.learning.gaussian_process.kernels import ConstantKernel, Matern

from kt_extensions.space.domains import Array

_STEPS = 30  # of L-BFGS, at most
_LEAST_LEAF = 3  # trials that a leaf of a boosted tree holds at least
_LEAST_VARIANCE = 1e-4  # of the scores in a leaf; those of all trials have 1
_LEAST_DEVIATION = 1e-6
_LENGTHS = (0.05, 20.0)  # bounds of a length scale; the features lie in [0, 1]
_MOST_LENGTHS = 50  # with more features one length scale serves them all
_AMPLITUDES = (0.05, 50.0)


class _LeavesAtOnce:
    """Predictions of a forest, for which scikit-learn checks the points thrice for each tree.

    The variance is that of Hutter et al., "Algorithm Runtime Prediction: Methods & Evaluation",
    Artificial Intelligence 2014, section 4.3.2, as in scikit-optimize, in a third of the time.
    """

    estimators_: list[Any]
    min_variance: float

    def predict(self, X: Array, return_std: bool = False) -> Any:
        """Returns means, array `(m,)`, and if told to deviations, at points `(m, p)`."""
        x = X.astype(np.float32)
        trees = [tree.tree_ for tree in self.estimators_]
        leaves = [tree.apply(x) for tree in trees]
        means = np.stack([t.value[leaf, 0, 0] for t, leaf in zip(trees, leaves, strict=True)])
        if not return_std:
            return means.mean(axis=0)
        within = np.stack([t.impurity[leaf] for t, leaf in zip(trees, leaves, strict=True)])
        variance = np.maximum(within, self.min_variance).mean(axis=0) + means.var(axis=0)
        return means.mean(axis=0), np.sqrt(variance)


class RandomForest(_LeavesAtOnce, RandomForestRegressor):  # type: ignore[misc]
    """scikit-optimize's random forest, with quick predictions."""


class ExtraTrees(_LeavesAtOnce, ExtraTreesRegressor):  # type: ignore[misc]
    """scikit-optimize's extremely randomized trees, with quick predictions."""


class Quantiles(GradientBoostingQuantileRegressor):  # type: ignore[misc]
    """Gradient boosting of the quartile-like quantiles that give a mean and a deviation.

    scikit-optimize's own `predict` calls `numpy.in1d`, which NumPy 2.4 no longer has.
    """

    def predict(self, X: Array, return_std: bool = False) -> Any:
        """Returns the medians, array `(m,)`, and if told to the deviations, of points `(m, p)`."""
        low, median, high = np.sort(super().predict(X, return_quantiles=True), axis=1).T
        return (median, (high - low) / 2) if return_std else median


class Model:
    """A surrogate model of the scores of trials.

    Args:
        surrogate: A name in `SURROGATES`.
        n_trees: Trees of a forest, or stages of gradient boosting.
        seed: Seed of the model's own random numbers.
        features: Array `(n, p)`, the trials.
        y: Array `(n,)`, their scores, of variance 1.
    """

    def __init__(self, surrogate: str, n_trees: int, seed: int, features: Array, y: Array) -> None:
        self._model = SURROGATES[surrogate](features.shape[1], n_trees, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a length scale at its bound
            self._model.fit(features, y)

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Returns mean and deviation, arrays `(m,)`, of the scores at points `(m, p)`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a variance that rounding made negative
            mean, deviation = self._model.predict(features, return_std=True)
        return mean, np.maximum(deviation, _LEAST_DEVIATION)


def _gaussian_process(p: int, n_trees: int, seed: int) -> Any:
    n = p if p <= _MOST_LENGTHS else 1
    kernel = ConstantKernel(1.0, _AMPLITUDES) * Matern(np.ones(n), [_LENGTHS] * n, nu=2.5)
    return GaussianProcessRegressor(
        kernel, optimizer=_bounded_lbfgs, noise="gaussian", random_state=seed
    )


def _bounded_lbfgs(
    objective: Callable[[Array], tuple[float, Array]], start: Array, bounds: Array
) -> tuple[Array, float]:
    """An optimizer of the kernel for scikit-learn: a single run of few steps."""
    found = minimize(objective, start, jac=True, bounds=bounds, options={"maxiter": _STEPS})
    return found.x, found.fun


def _random_forest(p: int, n_trees: int, seed: int) -> Any:
    return RandomForest(n_trees, min_variance=_LEAST_VARIANCE, random_state=seed)


def _extra_trees(p: int, n_trees: int, seed: int) -> Any:
    return ExtraTrees(n_trees, min_variance=_LEAST_VARIANCE, random_state=seed)


def _gradient_boosting(p: int, n_trees: int, seed: int) -> Any:
    trees = GradientBoostingRegressor(
        loss="quantile", n_estimators=n_trees, min_samples_leaf=_LEAST_LEAF
    )
    return Quantiles(base_estimator=trees, random_state=seed)


SURROGATES: dict[str, Callable[[int, int, int], Any]] = {
    "GP": _gaussian_process,
    "RF": _random_forest,
    "ET": _extra_trees,
    "GBRT": _gradient_boosting,
}
"""Makers of untrained models by name, from the number of features, of trees, and a seed."""
