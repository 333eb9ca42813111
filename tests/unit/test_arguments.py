"""What is told of a search that is resumed with other arguments, or another space."""

import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.tuners import arguments

X = np.zeros((9, 2))


def told(*args, **kwargs):
    return arguments.of_call(args, kwargs)


@pytest.mark.parametrize(
    ("before", "now", "difference"),
    [
        (told(X, epochs=3), told(X, epochs=3), None),
        (told(X, epochs=3), told(X, epochs=3, verbose=0, callbacks=[object()]), None),
        (told(X, epochs=3), told(X, epochs=5), "epochs=5 (it was 3)"),
        (told(X), told(X[:5]), "argument 1=shape (5, 2) (it was shape (9, 2))"),
        (told(X), told(X, shuffle=False), "shuffle=False (it was left out)"),
        (told(X, shuffle=False), told(X), "shuffle=left out (it was False)"),
        (told((X, X)), told((X, X[1:])), "(shape (9, 2), shape (8, 2))"),
        (told(object()), told(object()), None),
        (told(n=np.int64(3)), told(n=3), None),
        (told(n=np.int64(3)), told(n=np.int64(5)), "n=5 (it was 3)"),
    ],
)
def test_differences_of_calls(before, now, difference):
    found = arguments.differences(before, now)
    assert (difference in found[0]) if difference else not found


def test_texts_are_the_same_in_each_process():
    assert told(iter([])) == {"argument 1": "list_iterator"}


def declare(low, kinds=("a", "b"), later=False):
    def build(hp):
        hp.Choice("kind", list(kinds))
        with hp.conditional_scope("kind", ["b"]):
            hp.Float("rate", low, 1.0)
        if later:
            hp.Int("n", 1, 9)

    return build


def recorded(build):
    hp = kt.HyperParameters()
    hp.values["kind"] = "b"
    build(hp)
    return hp


def test_the_same_space_and_one_that_grows_are_fine(recwarn):
    arguments.warn_of_space(recorded(declare(0.1)), declare(0.1), "p")
    arguments.warn_of_space(recorded(declare(0.1)), declare(0.1, later=True), "p")
    arguments.warn_of_space(recorded(declare(0.1, later=True)), declare(0.1), "p")
    assert not recwarn.list


@pytest.mark.parametrize(
    ("now", "name"), [(declare(0.2), "rate"), (declare(0.1, ("a", "b", "c")), "kind")]
)
def test_another_domain_is_told(now, name):
    with pytest.warns(UserWarning, match=rf"others: {name} .*warm_start=\['p'\]"):
        arguments.warn_of_space(recorded(declare(0.1)), now, "p")


def test_a_model_that_cannot_be_built_is_left_to_the_trials(recwarn):
    def build(hp):
        raise RuntimeError("no")

    arguments.warn_of_space(recorded(declare(0.1)), build, "p")
    assert not recwarn.list
