"""Linear algebra in one thread.

The matrices of a search are small: threads that share them wait for each other longer than they
work, most of all beside a training that uses every core, and they round differently.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import scipy.linalg  # noqa: F401  # brings a BLAS of its own, which has to be known as well
from threadpoolctl import LibController, ThreadpoolController

P = ParamSpec("P")
R = TypeVar("R")


def single_threaded(function: Callable[P, R]) -> Callable[P, R]:
    """Returns a function during which NumPy's and SciPy's BLAS use one thread each.

    Example:

    >>> import numpy as np
    >>> @single_threaded
    ... def squared(matrix):
    ...     return matrix @ matrix
    >>> squared(np.eye(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    @wraps(function)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        several = [(library, library.num_threads) for library in _blas() if library.num_threads > 1]
        for library, _ in several:
            library.set_num_threads(1)
        try:
            return function(*args, **kwargs)
        finally:
            for library, number in several:
                library.set_num_threads(number)

    return alone


@lru_cache(maxsize=1)
def _blas() -> list[LibController]:
    controllers: list[LibController] = (
        ThreadpoolController().select(user_api="blas").lib_controllers
    )
    return controllers
