"""Schedules as functions of time."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_extensions import schedules

times = st.floats(0, 1e6)
factors = st.floats(0.01, 1)
lengths = st.floats(0.1, 1e5)


def test_constant():
    assert [schedules.constant(0.3)(t) for t in (0, 1.5, 1e9)] == [0.3] * 3


@pytest.mark.parametrize("shape", ["linear", "cosine", "exponential"])
@given(length=lengths, start=st.floats(0.001, 0.99), times=st.tuples(times, times))
def test_warmup_rises_from_the_start_to_one(shape, length, start, times):
    warmup = schedules.warmup(length, start=start, shape=shape)
    earlier, later = sorted(times)
    assert warmup(0) == pytest.approx(start)
    assert start * (1 - 1e-9) <= warmup(earlier) <= warmup(later) * (1 + 1e-9)
    assert warmup(length) == warmup(2 * length) == 1


def test_shapes_of_the_warmup():
    middle = {s: schedules.warmup(2, start=0.25, shape=s)(1) for s in schedules.WARMUPS}
    assert middle == pytest.approx({"linear": 0.625, "cosine": 0.625, "exponential": 0.5})
    quarter = schedules.warmup(4, start=0.25, shape="cosine")(1)
    assert quarter == pytest.approx(0.25 + 0.75 * (1 - math.cos(math.pi / 4)) / 2)


@given(rate=st.floats(0, 100), time=times)
def test_inverse_time(rate, time):
    assert schedules.inverse_time(rate)(time) * (1 + rate * time) == pytest.approx(1)


@given(gamma=factors, a=st.floats(0, 50), b=st.floats(0, 50))
def test_exponential_turns_sums_into_products(gamma, a, b):
    decay = schedules.exponential(gamma)
    assert decay(a + b) == pytest.approx(decay(a) * decay(b))
    assert decay(1) == pytest.approx(gamma)


@given(factor=factors, every=st.integers(1, 50), time=st.floats(0, 500))
def test_steps_at_intervals_are_those_at_milestones(factor, every, time):
    milestones = [every * i for i in range(1, 502)]
    by_interval = schedules.step(factor, every=every)(time)
    assert by_interval == schedules.step(factor, milestones=milestones)(time)


@given(length=lengths, final=st.floats(0, 1))
def test_cosine(length, final):
    decay = schedules.cosine(length, final=final)
    values = [decay(length * u) for u in (0, 0.5, 1, 3)]
    assert values == pytest.approx([1, (1 + final) / 2, final, final], abs=1e-9)


@given(time=st.floats(0, 20))
def test_join_counts_each_from_its_beginning(time):
    joined = schedules.join([lambda t: 100 + t, lambda t: 200 + t, lambda t: 300 + t], [3, 7.5])
    expected = 100 + time if time < 3 else 200 + time - 3 if time < 7.5 else 300 + time - 7.5
    assert joined(time) == expected


@given(time=times)
def test_staircase(time):
    assert schedules.staircase(lambda t: t)(time) == math.floor(time)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.constant(0), "`factor` to be a positive number. Received: factor=0"),
        (lambda: schedules.constant(math.nan), "`factor` to be a positive number"),
        (lambda: schedules.constant("1"), "Received: factor='1'"),
        (lambda: schedules.warmup(-1), "`length` to be a positive number. Received: length=-1"),
        (lambda: schedules.warmup(1, start=1), "`start` to be a fraction of at least 0 and below"),
        (lambda: schedules.warmup(1, start=0, shape="exponential"), "choose a small number"),
        (lambda: schedules.warmup(1, shape="cubic"), "['cosine', 'exponential', 'linear']"),
        (lambda: schedules.inverse_time(-1), "`rate` to be a number of at least 0"),
        (lambda: schedules.exponential(1.1), "`gamma` to be a number above 0 and of at most 1"),
        (lambda: schedules.step(0, every=1), "`factor` to be a number above 0"),
        (lambda: schedules.step(0.5), "`every` to be given, or else `milestones`"),
        (lambda: schedules.step(0.5, every=1, milestones=[1]), "milestones=[1]"),
        (lambda: schedules.step(0.5, every=0), "`every` to be a positive number"),
        (lambda: schedules.step(0.5, milestones=[2, 1]), "each larger than the one before"),
        (lambda: schedules.step(0.5, milestones=[0]), "`milestones` to be positive numbers"),
        (lambda: schedules.step(0.5, milestones=3), "`milestones` to be positive numbers"),
        (lambda: schedules.step(0.5, milestones=[math.nan]), "`milestones` to be positive numbers"),
        (lambda: schedules.cosine(0), "`length` to be a positive number"),
        (lambda: schedules.cosine(1, final=2), "`final` to be a fraction"),
        (lambda: schedules.step(0.5, milestones=iter([2, 1])), "Received: milestones=(2, 1)"),
        (lambda: schedules.join([schedules.constant(), 0.5], [2]), "write `constant(0.5)`"),
        (lambda: schedules.join([], []), "`boundaries` to be one fewer than the schedules"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)


def test_milestones_may_be_an_array():
    times = np.array([1, 4])
    assert [schedules.step(0.5, milestones=times)(t) for t in (0, 1, 4)] == [1.0, 0.5, 0.25]
    assert schedules.join([schedules.constant()] * 3, times)(9) == 1.0


@pytest.mark.parametrize("read_once", [iter, lambda times: (time for time in times)])
def test_milestones_may_be_read_only_once(read_once):
    decay = schedules.step(0.5, milestones=read_once([1, 4]))
    assert [decay(t) for t in (0, 1, 4)] == [1.0, 0.5, 0.25]


def test_keras_is_not_imported():
    code = "import sys, kt_extensions.schedules; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
