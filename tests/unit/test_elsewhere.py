"""The settings of the program, handed to the process of a trial."""

from __future__ import annotations

import pickle
import threading
import warnings
from typing import Any

import cloudpickle
import keras

from kt_extensions.tuners.elsewhere import Settings


class Own(keras.dtype_policies.DTypePolicy):  # type: ignore[misc]
    """A policy that is more than its name."""


def test_a_policy_of_ones_own_is_handed_on() -> None:
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(Own("mixed_bfloat16"))
        settings = cloudpickle.dumps(Settings())
        keras.config.set_dtype_policy("float32")
        with warnings.catch_warnings():
            pickle.loads(settings)()
        policy = keras.config.dtype_policy()
        assert (type(policy), policy.compute_dtype) == (Own, "bfloat16")
    finally:
        keras.config.set_dtype_policy(before)


def test_what_a_script_has_registered_is_registered_again() -> None:
    def double(x: Any) -> Any:
        return 2 * x

    def locked(x: Any, lock: Any = threading.Lock()) -> Any:  # noqa: B008
        return x

    class Scale(keras.layers.Layer):  # type: ignore[misc]
        pass

    for found in (double, locked, Scale):
        found.__module__ = "__main__"  # as if a script had made them
    known = keras.saving.get_custom_objects()
    names = {"mine>Scale", "double", "locked"}
    try:
        keras.saving.register_keras_serializable("mine")(Scale)
        known.update(double=double, locked=locked)
        settings = cloudpickle.dumps(Settings())
        for name in names:
            del known[name]
        with warnings.catch_warnings():
            pickle.loads(settings)()
        assert names & known.keys() == {"mine>Scale", "double"}
        assert known["double"](3) == 6
        assert keras.saving.get_registered_name(known["mine>Scale"]) == "mine>Scale"
    finally:
        for name in names:
            known.pop(name, None)
