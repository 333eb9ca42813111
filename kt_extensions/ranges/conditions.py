"""Hyperparameters that are active only beside some values of others."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any

from kt_extensions.ranges.kinds import Discrete, Fixed, Range, Scalar


def declare_where(
    hp: Any, parent: Discrete, values: Collection[Scalar], child: Range, name: str | None = None
) -> Any:
    """Declares `child`, active where `parent` has one of `values`.

    A condition that always holds is left out, and so is a child that is never active.

    Returns:
        The value of the child, or None where it is inactive.
    """
    return declare_where_all(hp, [(parent, values)], child, name)


def declare_where_all(
    hp: Any,
    conditions: Sequence[tuple[Discrete, Collection[Scalar]]],
    child: Range,
    name: str | None = None,
) -> Any:
    """Declares `child`, active where each of several parents has one of its values.

    KerasTuner's scopes cannot be nested over parents that were declared before, but it does keep a
    hyperparameter with several conditions.

    Returns:
        The value of the child, or None where it is inactive.
    """
    parents = [(parent, [v for v in parent.levels if v in values]) for parent, values in conditions]
    if not all(active for _, active in parents):
        return None
    parents = [(p, active) for p, active in parents if len(active) < len(p.levels)]
    if isinstance(child, Fixed) or not parents:
        active_now = all(parent.declare(hp) in active for parent, active in parents)
        return child.declare(hp, name) if active_now else None
    if len(parents) == 1:
        [(parent, active)] = parents
        with hp.conditional_scope(parent.name, active):
            return child.declare(hp, name)
    joint = _joint(hp, parents, child, name)
    hp.merge([joint], overwrite=False)
    return hp.values[joint.name] if hp.is_active(joint) else None


def _joint(
    hp: Any, parents: list[tuple[Discrete, list[Scalar]]], child: Range, name: str | None
) -> Any:
    """Returns KerasTuner's hyperparameter for a child with a condition for each parent."""
    alone = []
    for parent, active in parents:
        apart = copy.deepcopy(hp)  # with its open scopes
        with apart.conditional_scope(parent.name, active):
            child.declare(apart, name)
        alone.append(apart.space[-1])
    conditions = [condition for one in alone for condition in one.conditions]
    alone[0].conditions = [c for i, c in enumerate(conditions) if c not in conditions[:i]]
    return alone[0]
