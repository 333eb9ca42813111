"""What a builder's argument says about a hyperparameter: a range, a choice or one fixed value.

A tuple `(low, high)` is a range, both ends included. A list is a choice. A single value fixes the
hyperparameter, which is then no part of the search space. What can be switched off takes None.
"""

from kt_extensions.checking import fail
from kt_extensions.ranges.conditions import Where, declare_where, declare_where_all
from kt_extensions.ranges.kinds import (
    Discrete,
    Doublings,
    Fixed,
    FloatRange,
    Floats,
    Integers,
    IntRange,
    Names,
    OddIntegers,
    Options,
    Range,
    Scalar,
    Switch,
    YesOrNo,
)
from kt_extensions.ranges.reading import (
    count,
    doublings,
    floats,
    integers,
    names,
    odd,
    shape,
    switch,
    unless_none,
)

__all__ = [
    "Discrete",
    "Doublings",
    "Fixed",
    "FloatRange",
    "Floats",
    "IntRange",
    "Integers",
    "Names",
    "OddIntegers",
    "Options",
    "Range",
    "Scalar",
    "Switch",
    "Where",
    "YesOrNo",
    "count",
    "declare_where",
    "declare_where_all",
    "doublings",
    "fail",
    "floats",
    "integers",
    "names",
    "odd",
    "shape",
    "switch",
    "unless_none",
]
