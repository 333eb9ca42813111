"""Hyperparameters that are active only beside some values of others."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kt_extensions.ranges.kinds import Discrete, Fixed, Range, Scalar

_BESIDE = " beside"  # makes a name that no hyperparameter has


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
    parents = _needed(conditions)
    if parents is None:
        return None
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


@dataclass(frozen=True)
class Where:
    """A range that is active only beside some values of another."""

    child: Range
    parent: Discrete
    values: Collection[Scalar]

    @property
    def name(self) -> str:
        return self.child.name

    @property
    def levels(self) -> tuple[Scalar, ...]:
        levels: tuple[Scalar, ...] = getattr(self.child, "levels", ())
        return levels

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return declare_where(hp, self.parent, self.values, self.child, name)


def _needed(
    conditions: Iterable[tuple[Discrete, Collection[Scalar]]],
) -> list[tuple[Discrete, list[Scalar]]] | None:
    """Returns the conditions that do not always hold, one for each parent, outer ones first.

    Those of the parents themselves are among them. `None` if they never hold together.
    """
    needed: dict[str, tuple[Discrete, list[Scalar]]] = {}
    for parent, values in _with_outer(conditions):
        _, before = needed.get(parent.name, (parent, list(parent.levels)))
        needed[parent.name] = (parent, [level for level in before if level in values])
    if not all(active for _, active in needed.values()):
        return None
    return [(p, active) for p, active in needed.values() if len(active) < len(p.levels)]


def _with_outer(
    conditions: Iterable[tuple[Discrete, Collection[Scalar]]],
) -> Iterator[tuple[Discrete, Collection[Scalar]]]:
    for parent, values in conditions:
        if isinstance(parent, Where):
            yield from _with_outer([(parent.parent, parent.values)])
        yield parent, values


def _joint(
    hp: Any, parents: list[tuple[Discrete, list[Scalar]]], child: Range, name: str | None
) -> Any:
    """Returns KerasTuner's hyperparameter for a child with a condition for each parent.

    The first parent is active wherever `hp` is.
    """
    joint, *others = (
        _alone(hp, parent, active, child, f"{name or child.name}{_BESIDE * i}")
        for i, (parent, active) in enumerate(parents)
    )
    joint.conditions = [*joint.conditions, *(other.conditions[-1] for other in others)]
    return joint


def _alone(hp: Any, parent: Discrete, active: list[Scalar], child: Range, name: str) -> Any:
    """Returns KerasTuner's hyperparameter for a child with the condition for one parent, new."""
    apart = copy.deepcopy(hp)  # with its open scopes
    with contextlib.ExitStack() as scopes:
        for outer, values in [*_scopes_of(parent), (parent, active)]:
            scopes.enter_context(apart.conditional_scope(outer.name, values))
        child.declare(apart, name)
    return apart.space[-1]


def _scopes_of(parent: Discrete) -> list[tuple[Discrete, list[Scalar]]]:
    """Returns the scopes in which a parent was declared, the outermost first."""
    if not isinstance(parent, Where):
        return []
    active = [level for level in parent.parent.levels if level in parent.values]
    own = [(parent.parent, active)] if len(active) < len(parent.parent.levels) else []
    return [*_scopes_of(parent.parent), *own]
