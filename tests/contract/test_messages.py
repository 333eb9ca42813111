"""A sampler that breaks the contract is told what was expected of it."""

import sys
import types

import numpy as np
import pytest

from kt_extensions.history import TrialTable
from kt_extensions.samplers import Random, SpaceExhausted
from kt_extensions.samplers.base import first_untried
from kt_extensions.testing import SPACES, SamplerContract, ask, check_processes, trial_table

LINE = SPACES["one dimension"]


class Returning:
    """A sampler that always returns the same."""

    def __init__(self, point):
        self.point = point

    def suggest(self, history, rng):
        return self.point


class Counting:
    """A sampler that remembers how often it was asked."""

    calls = 0

    def suggest(self, history, rng):
        self.calls += 1
        return np.full(len(history.space), 1 / (self.calls + 1))


class Exhausted:
    def suggest(self, history, rng):
        raise SpaceExhausted


class Guessing:
    """A sampler whose random numbers are its own: another one's in each process."""

    def suggest(self, history, rng):
        own = np.random.default_rng()
        return first_untried(history, own.random((8, len(history.space))), own)


@pytest.mark.parametrize(
    ("point", "received"),
    [
        ([0.5], r"Received: \[0.5\]"),
        (np.array([0.5, 0.5]), r"Received one of shape \(2,\)"),
        (np.array([1.0]), r"Received: \[1.\]"),
        (np.array([np.nan]), r"Received: \[nan\]. NaN stands .* inactive"),
    ],
)
def test_a_point_outside_the_space(point, received):
    expected = r"array of shape \(1,\), each number in \[0, 1\)\. "
    with pytest.raises(AssertionError, match=expected + received):
        ask(Returning(point), TrialTable(LINE, seed=0))


def test_a_configuration_twice():
    table = TrialTable(LINE, seed=0)
    ask(Returning(np.array([0.5])), table)
    with pytest.raises(AssertionError, match=r"not tried.*Received: {'x': 0.0}.*first_untried"):
        ask(Returning(np.array([0.5])), table)


def test_an_end_too_early():
    with pytest.raises(AssertionError, match="Expected one of 30 untried configurations"):
        ask(Exhausted(), trial_table(SPACES["uneven log integers"], n=51))
    table = TrialTable(SPACES["empty"], seed=0)
    ask(Random(), table)
    with pytest.raises(SpaceExhausted):
        ask(Exhausted(), table)


def test_a_memory():
    with pytest.raises(AssertionError, match="keep nothing between calls"):
        SamplerContract().test_is_a_pure_function(Counting(), "one dimension")


def test_other_proposals_in_other_processes():
    with pytest.raises(AssertionError, match=r"same in every process.*'one dimension'.*no set"):
        check_processes([Guessing()])


def test_a_sampler_that_cannot_be_pickled():
    class Local(Returning):
        pass

    with pytest.raises(AssertionError, match=r"defined in a module.*Received: .*Local"):
        check_processes([Local(None)])


def test_a_sampler_that_cannot_be_imported(monkeypatch):
    module = types.ModuleType("not_on_disk")
    module.Hidden = type("Hidden", (Returning,), {"__module__": "not_on_disk"})
    monkeypatch.setitem(sys.modules, "not_on_disk", module)
    with pytest.raises(AssertionError, match=r"can be imported.*(?s:.)*No module.*not_on_disk"):
        check_processes([module.Hidden(None)])


def test_no_sampler():
    class Nothing(SamplerContract):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing to define make_sampler\(self\)"):
        Nothing().make_sampler()
