"""Every sampler proposes what was written down in golden.json."""

import math
from typing import Any

import pytest

from kt_extensions.samplers import REGISTRY
from tests.contract.regenerate_golden import (
    N_TRIALS,
    SPACE_NAMES,
    read,
    replayed,
    scipy_version,
    values,
)

SCIPY, GOLDEN = read()
TRAINED_BY_SCIPY = {"auto", "gp"}
"""Samplers whose model is trained by SciPy's L-BFGS, which takes other steps in other versions."""

HINT = "If this is on purpose: python -m tests.contract.regenerate_golden"


def same(value: Any, expected: Any) -> bool:
    """Options and integers below a million have to be equal, other numbers up to 1e-6 of them."""
    if type(value) is not type(expected):
        return False
    if isinstance(value, str | bool):
        return value == expected
    return math.isclose(value, expected, rel_tol=1e-6)


def test_all_are_written_down() -> None:
    assert {name: tuple(spaces) for name, spaces in GOLDEN.items()} == {
        name: SPACE_NAMES for name in sorted(REGISTRY)
    }, HINT


@pytest.mark.parametrize("space", SPACE_NAMES)
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_proposals_are_those_written_down(name: str, space: str) -> None:
    if name in TRAINED_BY_SCIPY and scipy_version() != SCIPY:
        pytest.skip(f"Written down with SciPy {SCIPY}.")
    golden = GOLDEN[name][space]
    assert len(golden) == N_TRIALS
    proposals = replayed(REGISTRY[name](), space, golden)
    pairs = zip(values(space, proposals), values(space, golden), strict=True)
    for number, (received, expected) in enumerate(pairs):
        alike = received.keys() == expected.keys() and all(
            same(received[key], expected[key]) for key in expected
        )
        assert alike, f"Trial {number}: expected {expected}. Received: {received}. {HINT}"
