"""Cross-validation: the parts of the data that a model is trained with and judged by."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

Rows = NDArray[np.int64]

_NAMES = list(inspect.signature(keras.Model.fit).parameters)[1:]
_DATA = ("x", "y", "sample_weight")


class Folds:
    """Cuts the data of `Model.fit` into a part to train with and one to validate with.

    The folds are the same for all trials, and in each run of a search.

    Args:
        cross_validation: The number of folds, shuffled; of classes each fold then has the same
            share, if the targets are their numbers and no class has fewer samples than there are
            folds. Or any splitter of scikit-learn's that needs no groups, such as
            `sklearn.model_selection.TimeSeriesSplit(5)`.

    Raises:
        ValueError: If it is neither.

    Example:

    >>> folds = Folds(2)
    >>> x, y = np.arange(6.0), np.array([0, 0, 0, 0, 1, 1])
    >>> arguments = folds.arguments(0, (x, y), {"epochs": 3})
    >>> sorted(arguments)
    ['epochs', 'validation_data', 'x', 'y']
    >>> sorted(arguments["y"].tolist()), sorted(arguments["validation_data"][1].tolist())
    ([0, 0, 1], [0, 0, 1])
    """

    def __init__(self, cross_validation: Any) -> None:
        number = cross_validation
        is_number = isinstance(number, int) and not isinstance(number, bool)
        if not is_number and not hasattr(number, "get_n_splits"):
            raise ValueError(
                "Expected `cross_validation` to be a number of folds, or a splitter such as "
                f"`sklearn.model_selection.KFold(5)`. Received: {cross_validation!r}."
            )
        if is_number and number < 2:
            raise ValueError(
                f"Expected `cross_validation` to be at least 2. Received: {number}. Leave it out "
                "to validate with `validation_data` or `validation_split`."
            )
        self._splitter = cross_validation

    def __len__(self) -> int:
        """The number of folds."""
        if isinstance(self._splitter, int):
            return self._splitter
        return int(self._splitter.get_n_splits())

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Checks the arguments of `Model.fit`.

        Raises:
            ValueError: If they hold validation data, or no arrays of one length, or fewer rows
                than there are folds.
        """
        given = _named(args, kwargs)
        if given.get("validation_data") is not None or given.get("validation_split"):
            raise ValueError(
                "Expected no validation data beside `cross_validation`, which takes them from the "
                "training data. Received: validation_data or validation_split in `search`. Leave "
                "one of them out."
            )
        leaves = keras.tree.flatten([given.get("x"), given.get("y")])
        lengths = {len(leaf) if len(getattr(leaf, "shape", ())) else 0 for leaf in leaves}
        if len(lengths) != 1 or lengths.pop() < len(self):
            raise ValueError(
                "Expected arrays `x` and `y` of one length to cut into "
                f"{len(self)} folds. Received: {[_told(leaf) for leaf in leaves]}. Data that come "
                "in batches (tf.data.Dataset, PyDataset, a generator) cannot be cut: pass arrays."
            )

    def arguments(
        self, execution: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """Returns the arguments of `Model.fit` for one execution, all by name.

        Args:
            execution: Its number. After all folds they are made anew, shuffled otherwise.
            args: The positional arguments, with all data.
            kwargs: The arguments by name.
        """
        given = _named(args, kwargs)
        round_, fold = divmod(execution, len(self))
        train, judge = self._rows(given["x"], given["y"], round_)[fold]
        data = {name: given[name] for name in _DATA if given.get(name) is not None}
        judged = tuple(_part(part, judge) for part in data.values())
        parts = {name: _part(part, train) for name, part in data.items()}
        return {**given, **parts, "validation_data": judged}

    def _rows(self, x: Any, y: Any, round_: int) -> list[tuple[Rows, Rows]]:
        """Returns the rows to train with, and those to judge by, of each fold."""
        n = np.shape(keras.tree.flatten(x)[0])[0]
        targets = _targets(y)
        splitter = copy.deepcopy(self._splitter)  # a generator that it shuffles by stays as it is
        if isinstance(splitter, int):
            labels = targets if targets is not None and targets.dtype.kind in "biuUSO" else None
            stratified = labels is not None and np.unique(labels, return_counts=True)[1].min()
            kind = StratifiedKFold if stratified and stratified >= splitter else KFold
            splitter = kind(splitter, shuffle=True, random_state=round_)
        elif getattr(splitter, "random_state", round_) is None:
            splitter.random_state = round_  # else it would shuffle otherwise each time
        return list(splitter.split(np.zeros(n), targets))


def _named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns all arguments by name. Those that `Model.fit` lacks are for a `fit` of one's own."""
    return {**dict(zip(_NAMES, args, strict=False)), **kwargs}


def _targets(y: Any) -> NDArray[Any] | None:
    """Returns the targets if there is one for each row."""
    if len(keras.tree.flatten(y)) != 1:
        return None
    array = _array(keras.tree.flatten(y)[0])
    flat = array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)
    return array.ravel() if flat else None


def _part(data: Any, rows: Rows) -> Any:
    return keras.tree.map_structure(lambda leaf: _rows_of(leaf, rows), data)


def _rows_of(leaf: Any, rows: Rows) -> Any:
    return leaf.iloc[rows] if hasattr(leaf, "iloc") else _array(leaf)[rows]


def _array(leaf: Any) -> NDArray[Any]:
    if isinstance(leaf, np.ndarray) or hasattr(leaf, "iloc"):
        return np.asarray(leaf)
    return np.asarray(keras.ops.convert_to_numpy(leaf))


def _told(leaf: Any) -> str:
    return f"shape {tuple(leaf.shape)}" if hasattr(leaf, "shape") else type(leaf).__name__
