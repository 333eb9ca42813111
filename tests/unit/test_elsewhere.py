"""The settings of the program, handed to the process of a trial."""

from __future__ import annotations

import pickle
import warnings

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
