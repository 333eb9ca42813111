"""Mistakes in what a model function declares: told when the tuner is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

from tests.newcomer.searches import model, tuner

Declare = Callable[[kt.HyperParameters], Any]

MISTAKES: dict[str, tuple[Declare, str]] = {
    "reversed integers": (lambda hp: hp.Int("n", 10, 1), "'n'.*10 is greater than the max_value 1"),
    "reversed floats": (lambda hp: hp.Float("f", 1.0, 0.1), "'f'.*1.0 is greater .* 0.1"),
    "a log from 0": (lambda hp: hp.Float("f", 0, 1, sampling="log"), "'f'.*sampling='log'.*0.0"),
    "a log of integers from 0": (lambda hp: hp.Int("n", 0, 8, sampling="log"), "'n'.*found .*: 0"),
    "no step": (lambda hp: hp.Int("n", 1, 8, step=0), "'n': Expected a positive step.*step=0"),
    "a step back": (lambda hp: hp.Float("f", 1.0, 8.0, step=-1.0), "positive step.*step=-1.0"),
    "a factor of 1": (lambda hp: hp.Int("n", 1, 8, 1, sampling="log"), "expected step > 1"),
    "a scale": (lambda hp: hp.Float("f", 1.0, 8.0, sampling="logg"), "'f'.*must be one of"),
    "no options": (lambda hp: hp.Choice("c", []), "`values` must be provided"),
    "mixed options": (lambda hp: hp.Choice("c", [1, "a"]), "only one type of value"),
    "arrays as options": (lambda hp: hp.Choice("c", [*np.eye(2)]), "`int`, `float`, `str`, or"),
    "layers as options": (lambda hp: hp.Choice("c", [keras.layers.Dense]), "`int`, `float`, `str`"),
    "a fixed list": (lambda hp: hp.Fixed("c", [1, 2]), "must be an `int`, `float`, `str`"),
    "no fixed value": (lambda hp: hp.Fixed("c", None), "found None"),
    "a broken bound": (lambda hp: hp.Int("n", 0.5, 5), "min_value must be an int.*0.5"),
    "a bound that is no number": (lambda hp: hp.Float("f", math.nan, 5.0), "'f': .*finite bounds"),
    "no upper bound": (lambda hp: hp.Float("f", 0.0, math.inf), "finite bounds.*'max_value': inf"),
    "bounds too far apart": (
        lambda hp: hp.Float("f", -1e308, 1e308),
        "whose difference is a float",
    ),
    "bounds too far apart, log": (
        lambda hp: hp.Float("f", 1e-200, 1e200, sampling="log"),
        "whose ratio is a float",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_declarations(tmp_path: Path, mistake: str) -> None:
    declare, told = MISTAKES[mistake]

    def build(hp: kt.HyperParameters) -> keras.Model:
        declare(hp)
        return model(1)

    with pytest.raises((ValueError, TypeError), match=told):
        tuner(tmp_path, build)


def test_an_error_of_the_function_is_its_own(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        tuner(tmp_path, lambda hp: 1 / 0)


@pytest.mark.parametrize("sampling", ["linear", "log"])
def test_a_step_out_of_the_range_is_told(tmp_path: Path, sampling: str) -> None:
    with pytest.warns(UserWarning, match="The step 20 of 'n' leads out of its range, 1 to 8"):
        tuner(tmp_path, lambda hp: model(hp.Int("n", 1, 8, step=20, sampling=sampling)))
