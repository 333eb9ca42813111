"""Random model functions: what they declare, and which values that allows."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras_tuner as kt

Values = dict[str, Any]


@dataclass(frozen=True)
class Scope:
    """What is declared beside some values of a parent: in KerasTuner's scope, or by a plain `if`.

    Of what stands behind an `if` the search learns in the first trial that comes there.
    """

    values: tuple[Any, ...]
    declarations: tuple[Declaration, ...]
    plain: bool = False


@dataclass(frozen=True)
class Declaration:
    """A call such as `hp.Int(name, ...)`, in all trials but the first `since`."""

    kind: str
    name: str
    arguments: dict[str, Any]
    scopes: tuple[Scope, ...] = ()
    since: int = 0


Program = tuple[Declaration, ...]


def program(r: random.Random) -> Program:
    """Returns a program of 1 to 30 hyperparameters; two in five have few configurations."""
    few = r.random() < 0.4
    left = r.randint(1, 3) if few else r.choice([1, 2, 4, 8, 16, 30])
    growing = r.random() < 0.3
    return tuple(_declarations(r, left, few, growing, "p", 0))


def _declarations(
    r: random.Random, left: int, few: bool, growing: bool, prefix: str, depth: int
) -> Iterator[Declaration]:
    number = 0
    while left > 0:
        kind, arguments = _few(r) if few else _many(r)
        first = Declaration(kind, f"{prefix}{number}", arguments)
        within = r.randint(1, left - 1) if left > 1 and depth < 3 and r.random() < 0.4 else 0
        scopes = tuple(_scopes(r, first, within, few, growing, depth)) if within else ()
        late = growing and r.random() < 0.3
        yield replace(first, scopes=scopes, since=r.randint(1, 5) if late else 0)
        left -= 1 + within
        number += 1


def _scopes(
    r: random.Random, parent: Declaration, n: int, few: bool, growing: bool, depth: int
) -> Iterator[Scope]:
    children = tuple(_declarations(r, n, few, growing, f"{parent.name}.", depth + 1))
    plain = growing and r.random() < 0.5
    for _ in range(r.choice([1, 1, 2])):  # the same names again, beside other values
        yield Scope(_values_of_parent(r, parent), children, plain)


def _values_of_parent(r: random.Random, parent: Declaration) -> tuple[Any, ...]:
    """Returns some values of a parent; now and then one that it never has."""
    a = parent.arguments
    if parent.kind == "Choice":
        return tuple(r.sample(a["values"], r.randint(1, len(a["values"]))))
    if parent.kind == "Int":
        low = r.randint(a["min_value"], a["max_value"])
        return tuple(range(low, min(low + r.randint(1, 5), a["max_value"] + 2)))
    if parent.kind == "Float":
        return (a["min_value"], a["max_value"])
    return (a["value"],) if parent.kind == "Fixed" else (r.random() < 0.5,)


def _many(r: random.Random) -> tuple[str, dict[str, Any]]:
    kind = r.choice(["Int", "Float", "Float", "Choice", "Boolean", "Fixed"])
    if kind == "Int":
        return kind, _int(r, r.choice([0, 1, 3, 9, 200, 10**6]))
    if kind == "Float":
        return kind, _float(r)
    return _few(r) if kind == "Boolean" else _options(r, kind)


def _few(r: random.Random) -> tuple[str, dict[str, Any]]:
    kind = r.choice(["Int", "Choice", "Boolean", "Fixed", "Float"])
    if kind == "Int":
        return kind, _int(r, r.choice([0, 1, 2]))
    if kind == "Float":
        return kind, {"min_value": 0.1, "max_value": 0.35, "step": r.choice([0.1, 0.25, 0.5])}
    return (kind, {}) if kind == "Boolean" else _options(r, kind)


def _int(r: random.Random, span: int) -> dict[str, Any]:
    sampling = r.choice(["linear", "linear", "log", "reverse_log"])
    low = r.randint(-20, 20) if sampling == "linear" else r.randint(1, 20)
    step = r.choice([None, None, 2, 3, 7])
    bounds = {"min_value": low, "max_value": low + span, "step": step, "sampling": sampling}
    return bounds | ({"default": low + span} if step is None and r.random() < 0.2 else {})


def _float(r: random.Random) -> dict[str, Any]:
    sampling = r.choice(["linear", "log", "reverse_log"])
    low = r.choice([1e-8, 0.001, 0.1, 0.5, 1.0])
    high = low * r.choice([1.0, 1.001, 2.5, 10.0, 1e4])
    if sampling == "linear":
        low = r.choice([low, 0.0, -high])
    steps = [high / 7, 0.4 * high, 0.1] if sampling == "linear" else [2.0, 10.0, 1.5]
    step = r.choice([None, None, *steps])
    if step is not None and sampling == "linear" and (high - low) / step > 1e6:
        step = None
    return {"min_value": low, "max_value": high, "step": step, "sampling": sampling}


_OPTIONS: tuple[list[Any], ...] = (
    ["relu", "tanh", "", "ü", "True", "0.1"],
    [8, 16, 32, -1, 0],
    [0.1, 1e-7, 3.0, -2.5, 0.30000000000000004],
    [True, False],
)


def _options(r: random.Random, kind: str) -> tuple[str, dict[str, Any]]:
    values = r.choice(_OPTIONS)
    if kind == "Fixed":
        return kind, {"value": r.choice(values)}
    chosen = r.sample(values, r.randint(1, min(len(values), 4)))
    order = {"ordered": r.random() < 0.5} if type(chosen[0]) in (int, float) else {}
    return kind, {"values": chosen, **order}


def declare(hp: kt.HyperParameters, program: Program, trial: int) -> list[tuple[str, Any]]:
    """Runs a program in a trial; returns names and values, `None` if inactive."""
    given = []
    for declaration in program:
        if trial < declaration.since:
            continue
        value = getattr(hp, declaration.kind)(declaration.name, **declaration.arguments)
        given.append((declaration.name, value))
        for scope in declaration.scopes:
            if scope.plain:
                if value in scope.values:
                    given += declare(hp, scope.declarations, trial)
            else:
                with hp.conditional_scope(declaration.name, list(scope.values)):
                    given += declare(hp, scope.declarations, trial)
    return given


def by_name(program: Program) -> dict[str, Declaration]:
    """Returns all declarations of a program."""
    found = {declaration.name: declaration for declaration in program}
    for declaration in program:
        for scope in declaration.scopes:
            found |= by_name(scope.declarations)
    return found


def allows(declaration: Declaration, value: Any) -> bool:
    """Whether a value is one that a declaration allows, and of its type."""
    a = declaration.arguments
    if declaration.kind == "Boolean":
        return type(value) is bool
    if declaration.kind in ("Choice", "Fixed"):
        options = a["values"] if declaration.kind == "Choice" else [a["value"]]
        if type(options[0]) is bool and declaration.kind == "Choice":
            options = [*map(int, options)]  # as KerasTuner has it
        return any(type(option) is type(value) and option == value for option in options)
    if type(value) is not {"Int": int, "Float": float}[declaration.kind]:
        return False
    return a["min_value"] <= value <= a["max_value"] and _is_on_step(a, value)


def _is_on_step(a: dict[str, Any], value: float) -> bool:
    """Whether a number can be reached by steps: added, or multiplied on a log scale."""
    step, low = a.get("step"), a["min_value"]
    if step is None or value == low or a["max_value"] == low:
        return True
    sampling = a.get("sampling", "linear")
    if sampling == "linear":
        steps = (value - low) / step
    else:
        mirrored = low + a["max_value"] - value if sampling == "reverse_log" else value
        steps = math.log(mirrored / low) / math.log(step)
    return math.isclose(steps, round(steps), rel_tol=1e-6, abs_tol=1e-6)
