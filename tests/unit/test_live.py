"""Noting what a model is built by."""

from __future__ import annotations

import json
from typing import Any

import keras_tuner as kt
import pytest

from kt_extensions.builders import CNN, GRU, MLP
from kt_extensions.tuners.live import watching_rungs

VALUES = {"units": 3, "tuner/epochs": 9, "tuner/trial_id": "0"}


def space() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.values = dict(VALUES)
    return hp


@pytest.mark.parametrize(
    "ask",
    [
        lambda hp: hp["tuner/epochs"],
        lambda hp: hp.get("tuner/epochs"),
        lambda hp: hp.values["tuner/epochs"],
        lambda hp: hp.values.get("tuner/trial_id"),
        lambda hp: "tuner/trial_id" in hp.values,
        lambda hp: hp.copy(),
        lambda hp: dict(hp.values),
        lambda hp: {**hp.values},
        lambda hp: list(hp.values),
        lambda hp: sorted(hp.values.keys()),
        lambda hp: max(map(str, hp.values.values())),
        lambda hp: hp.values.copy(),
        lambda hp: json.dumps(hp.values),
    ],
)
def test_what_changes_with_the_rung(ask: Any) -> None:
    hp = space()
    with watching_rungs(hp) as asked:
        ask(hp)
    assert asked.any
    assert hp.values == VALUES
    assert type(hp.values) is dict


def test_what_does_not() -> None:
    hp = space()
    with watching_rungs(hp) as asked:
        assert hp.Int("units", 1, 5) == hp.get("units") == hp.values["units"] == 3
        assert hp.Choice("kind", ["a", "b"]) == "a"
        with hp.conditional_scope("kind", ["b"]):
            assert hp.Float("rate", 0.0, 1.0) is None
        assert "rate" not in hp.values
    assert not asked.any
    assert hp.values == {**VALUES, "kind": "a"}


@pytest.mark.parametrize(
    "builder",
    [
        MLP(input_shape=(4,), outputs=2),
        CNN(input_shape=(8, 8, 1), outputs=2),
        GRU(input_shape=(5, 2), outputs=2),
    ],
    ids=["mlp", "cnn", "gru"],
)
def test_our_builders(builder: Any) -> None:
    hp = space()
    with watching_rungs(hp) as asked:
        builder.build(hp)
    assert not asked.any
