"""How many configurations a conditional space has, and which is the one with a given number.

Dimensions that no condition links are independent: their numbers multiply. In a linked group the
first dimension, a parent, is fixed to each class of levels that decides the conditions in the same
way; what is left falls apart into smaller groups. The cost grows with the number of conditions,
not with the number of configurations.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kt_extensions.space.domains import Domain, Value

if TYPE_CHECKING:
    from kt_extensions.space.search_space import Condition, Dimension

FINE = 2**40
"""Levels that a continuous dimension counts for where a finite number is needed."""


class _Node(NamedTuple):
    """A dimension with what is still undecided of its scopes."""

    dimension: Dimension
    scopes: tuple[tuple[Condition, ...], ...]


@dataclass(frozen=True)
class _Branch:
    """The levels of a parent that lead to the same rest: the listed ones, or all but those."""

    levels: tuple[int, ...]
    complement_of: int | None
    rest: list[_Node]

    def __len__(self) -> int:
        if self.complement_of is None:
            return len(self.levels)
        return self.complement_of - len(self.levels)

    def level(self, k: int) -> int:
        """Returns the k-th level of the branch."""
        if self.complement_of is None:
            return self.levels[k]
        for listed in self.levels:
            k += listed <= k
        return k


def count(dimensions: Iterable[Dimension]) -> int | float:
    """Returns the number of configurations, infinite where a continuous dimension is active."""
    nodes = _nodes(dimensions)
    return math.inf if _any_continuous(nodes) else _count(nodes)


def fine_count(dimensions: Iterable[Dimension]) -> int:
    """Returns the number of configurations, a continuous dimension counted as `FINE` levels."""
    return _count(_nodes(dimensions))


def configuration(dimensions: Iterable[Dimension], index: int) -> dict[str, Value]:
    """Returns the values of the configuration with a number below `fine_count(dimensions)`."""
    return dict(_unrank(_nodes(dimensions), index))


def _nodes(dimensions: Iterable[Dimension]) -> list[_Node]:
    nodes = [_Node(dimension, dimension.scopes) for dimension in dimensions]
    return _without_inactive(nodes)


def _size(domain: Domain) -> int:
    return FINE if domain.size is None else domain.size


def _any_continuous(nodes: list[_Node]) -> bool:
    """Whether a continuous dimension is active in any configuration."""
    for group in _groups(nodes):
        if group[0].dimension.domain.size is None:
            return True
        if len(group) > 1 and any(_any_continuous(branch.rest) for branch in _branches(group)):
            return True
    return False


def _count(nodes: list[_Node]) -> int:
    return math.prod(_count_group(group) for group in _groups(nodes))


def _count_group(group: list[_Node]) -> int:
    if len(group) == 1:
        return _size(group[0].dimension.domain)
    return sum(len(branch) * _count(branch.rest) for branch in _branches(group))


def _unrank(nodes: list[_Node], index: int) -> Iterator[tuple[str, Value]]:
    for group in _groups(nodes):
        index, within = divmod(index, _count_group(group))
        yield from _unrank_group(group, within)


def _unrank_group(group: list[_Node], index: int) -> Iterator[tuple[str, Value]]:
    root = group[0].dimension
    for branch in _branches(group):
        rest = _count(branch.rest)
        if index < len(branch) * rest:
            k, within = divmod(index, rest)
            yield root.name, _value_at(root.domain, branch.level(k))
            yield from _unrank(branch.rest, within)
            return
        index -= len(branch) * rest


def _groups(nodes: list[_Node]) -> list[list[_Node]]:
    """Splits dimensions into groups that no condition links, each parents first."""
    groups: list[tuple[set[str], list[_Node]]] = []
    for node in nodes:
        names = {node.dimension.name} | {c.parent for scope in node.scopes for c in scope}
        linked = [group for group in groups if group[0] & names]
        groups = [group for group in groups if not group[0] & names]
        members = [member for _, group in linked for member in group] + [node]
        groups.append((names.union(*(group[0] for group in linked)), members))
    position = {node.dimension.name: i for i, node in enumerate(nodes)}
    return [sorted(group, key=lambda node: position[node.dimension.name]) for _, group in groups]


def _branches(group: list[_Node]) -> list[_Branch]:
    """Splits the levels of a group's first dimension by what they decide for the others.

    Conditions on a continuous parent hold at single points and are taken never to.
    """
    root, *others = group
    name, domain = root.dimension.name, root.dimension.domain
    named = {
        value
        for node in others
        for scope in node.scopes
        for condition in scope
        if condition.parent == name
        for value in condition.values
        if domain.size is not None and domain.contains(value)
    }
    value_at = {_level(domain, value): value for value in named}
    branches: dict[tuple[str, ...], tuple[list[int], list[_Node]]] = {}
    for level in sorted(value_at):
        rest = _decided(others, name, value_at[level])
        key = tuple(f"{node.dimension.name}{node.scopes}" for node in rest)
        branches.setdefault(key, ([], rest))[0].append(level)
    listed = [_Branch(tuple(levels), None, rest) for levels, rest in branches.values()]
    rest_of_others = _Branch(tuple(sorted(value_at)), _size(domain), _decided(others, name, None))
    return [*listed, rest_of_others] if len(rest_of_others) else listed


def _value_at(domain: Domain, level: int) -> Value:
    if domain.size is None:
        return domain.value((level + 0.5) / FINE)
    low, high = domain.edges(np.array(level))
    return domain.value(float(low + high) / 2)


def _level(domain: Domain, value: Value) -> int:
    return int(domain.level(np.array(domain.coordinate(value))))


def _decided(nodes: list[_Node], name: str, value: Value | None) -> list[_Node]:
    """Fixes dimension `name` to `value` (`None`: a value that no condition names)."""
    decided = []
    for node in nodes:
        scopes = [
            tuple(c for c in scope if c.parent != name)
            for scope in node.scopes
            if all(c.parent != name or value in c.values for c in scope)
        ]
        decided.append(_Node(node.dimension, ((),) if () in scopes else tuple(scopes)))
    return _without_inactive(decided)


def _without_inactive(nodes: list[_Node]) -> list[_Node]:
    """Drops dimensions that can no longer become active; parents stand before children."""
    alive: list[_Node] = []
    gone: set[str] = set()
    for node in nodes:
        scopes = tuple(s for s in node.scopes if not any(c.parent in gone for c in s))
        if scopes:
            alive.append(_Node(node.dimension, scopes))
        else:
            gone.add(node.dimension.name)
    return alive
