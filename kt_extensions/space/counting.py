"""How many configurations a conditional space has, and which is the one with a given number.

Dimensions that no condition links are independent: their numbers multiply. In a linked group the
first dimension, a parent, is fixed to each class of levels that decides the conditions in the same
way; what is left falls apart into smaller groups. The cost does not depend on the number of
configurations; it grows with that of the conditions, exponentially where all of them are linked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kt_extensions.space.domains import Domain, Value

if TYPE_CHECKING:
    from kt_extensions.space.search_space import Condition, Dimension

FINE = 2**32
"""Levels that a continuous dimension counts for where a finite number is needed."""


class Configurations:
    """The configurations of independent groups of dimensions, numbered.

    Attributes:
        size: How many there are, a continuous dimension counted as `FINE` levels.
        continuous: Whether a continuous dimension is active in any of them.
    """

    def __init__(self, groups: Iterable[_Group]) -> None:
        """Combines every configuration of each group with those of the others."""
        self._groups = tuple(groups)
        self.size = math.prod(group.size for group in self._groups)
        self.continuous: bool = any(group.continuous for group in self._groups)

    def values(self, index: int) -> Iterator[tuple[str, Value]]:
        """Yields names and values of the configuration with a number below `size`."""
        for group in self._groups:
            index, within = divmod(index, group.size)
            yield from group.values(within)


def configurations(dimensions: Iterable[Dimension]) -> Configurations:
    """Returns the configurations of dimensions, which stand parents first."""
    return _combine(_alive(_Node(d, d.scopes) for d in dimensions), {})


class _Node(NamedTuple):
    """A dimension with what is still undecided of its scopes."""

    dimension: Dimension
    scopes: tuple[tuple[Condition, ...], ...]


_Nodes = tuple[_Node, ...]


class _Branch(NamedTuple):
    """Levels of a parent that lead to the same rest: the listed ones, or all `but` those."""

    levels: tuple[int, ...]
    but: bool
    length: int
    rest: Configurations

    @property
    def size(self) -> int:
        return self.length * self.rest.size

    def level(self, k: int) -> int:
        if not self.but:
            return self.levels[k]
        for listed in self.levels:
            k += listed <= k
        return k


class _Group:
    """The configurations of a parent and all that hangs on it."""

    def __init__(self, root: Dimension, branches: list[_Branch]) -> None:
        self.root = root
        self.branches = branches
        self.size = sum(branch.size for branch in branches)
        self.continuous = root.domain.size is None or any(b.rest.continuous for b in branches)

    def values(self, index: int) -> Iterator[tuple[str, Value]]:
        for branch in self.branches:
            if index < branch.size:
                k, within = divmod(index, branch.rest.size)
                yield self.root.name, _value_at(self.root.domain, branch.level(k))
                yield from branch.rest.values(within)
                return
            index -= branch.size


def _combine(nodes: _Nodes, known: dict[_Nodes, Configurations]) -> Configurations:
    """Returns the configurations of dimensions; `known` holds those found before."""
    if nodes not in known:
        groups = [_Group(g[0].dimension, _branches(g, known)) for g in _linked(nodes)]
        known[nodes] = Configurations(groups)
    return known[nodes]


def _linked(nodes: _Nodes) -> list[_Nodes]:
    """Splits dimensions into groups that no condition links, each parents first."""
    groups: list[tuple[set[str], set[_Node]]] = []
    for node in nodes:
        names = {node.dimension.name} | {c.parent for scope in node.scopes for c in scope}
        linked = [group for group in groups if group[0] & names]
        groups = [group for group in groups if not group[0] & names]
        members = {node}.union(*(group[1] for group in linked))
        groups.append((names.union(*(group[0] for group in linked)), members))
    return [tuple(node for node in nodes if node in members) for _, members in groups]


def _branches(group: _Nodes, known: dict[_Nodes, Configurations]) -> list[_Branch]:
    """Splits the levels of a group's first dimension by what they decide for the others.

    Conditions on a continuous parent hold at single points and are taken never to.
    """
    root, *others = group
    name, domain = root.dimension.name, root.dimension.domain
    levels_of: dict[_Nodes, list[int]] = {}
    named = sorted(_named_levels(root.dimension, others))
    for level in named:
        rest = _decided(others, name, _value_at(domain, level))
        levels_of.setdefault(rest, []).append(level)
    branches = [
        _Branch(tuple(levels), False, len(levels), _combine(rest, known))
        for rest, levels in levels_of.items()
    ]
    unnamed = _size(domain) - len(named)
    if unnamed:
        rest = _decided(others, name, None)
        branches.append(_Branch(tuple(named), True, unnamed, _combine(rest, known)))
    return branches


def _named_levels(parent: Dimension, others: Iterable[_Node]) -> set[int]:
    """Returns the levels of a parent that conditions of other dimensions name."""
    conditions = {c for node in others for scope in node.scopes for c in scope}
    named = {v for c in conditions if c.parent == parent.name for v in c.values}
    return {level for level in map(parent.domain.find, named) if level is not None}


def _decided(nodes: Iterable[_Node], name: str, value: Value | None) -> _Nodes:
    """Fixes dimension `name` to `value` (`None`: a value that no condition names)."""
    decided = []
    for node in nodes:
        scopes = [
            tuple(c for c in scope if c.parent != name)
            for scope in node.scopes
            if all(c.parent != name or value in c.values for c in scope)
        ]
        decided.append(_Node(node.dimension, ((),) if () in scopes else tuple(scopes)))
    return _alive(decided)


def _alive(nodes: Iterable[_Node]) -> _Nodes:
    """Drops dimensions that can no longer become active; parents stand before children."""
    alive: list[_Node] = []
    gone: set[str] = set()
    for node in nodes:
        scopes = tuple(s for s in node.scopes if not any(c.parent in gone for c in s))
        if scopes:
            alive.append(_Node(node.dimension, scopes))
        else:
            gone.add(node.dimension.name)
    return tuple(alive)


def _size(domain: Domain) -> int:
    return FINE if domain.size is None else domain.size


def _value_at(domain: Domain, level: int) -> Value:
    if domain.size is None:
        return domain.value((level + 0.5) / FINE)
    low, high = domain.edges(np.array(level))
    return domain.value(float(low + high) / 2)
