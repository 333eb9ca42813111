"""Cross-validation: the parts of the data that a model is trained with and judged by."""

from __future__ import annotations

import copy
import inspect
import itertools
import numbers
from typing import Any

import keras
import numpy as np
import scipy
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

Rows = NDArray[np.int64]

_NAMES = list(inspect.signature(keras.Model.fit).parameters)[1:]
_DATA = ("x", "y", "sample_weight")
_MOST_CLASSES = 20  # that floats are taken for; with more values they are quantities


class Folds:
    """Cuts the data of `Model.fit` into a part to train with and one to validate with.

    The folds are the same for all trials, and in each run of a search.

    Args:
        cross_validation: The number of folds, shuffled; of classes each fold then has the same
            share, if none has fewer samples than there are folds. Classes are integers, booleans,
            strings, one-hot rows, and floats that are whole numbers of at most 20 values. Or a
            splitter of scikit-learn's that needs no groups and whose number of folds does not
            depend on the data, such as `sklearn.model_selection.TimeSeriesSplit(5)`.

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
        is_bool = isinstance(cross_validation, bool)
        is_number = isinstance(cross_validation, numbers.Integral) and not is_bool
        self._splitter = int(cross_validation) if is_number else cross_validation
        self._number = _number_of_folds(self._splitter)

    def __len__(self) -> int:
        """The number of folds."""
        return self._number

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Checks the arguments of `Model.fit`.

        Raises:
            ValueError: If they hold validation data, or no arrays of one length, or the splitter
                cannot split them.
        """
        given = _named(args, kwargs)
        if given.get("validation_data") is not None or given.get("validation_split"):
            raise ValueError(
                "Expected no validation data beside `cross_validation`, which takes them from the "
                "training data. Received: validation_data or validation_split in `search`. Leave "
                "one of them out."
            )
        x, y, weights = map(given.get, _DATA)
        leaves = [*_leaves([x, y]), *(leaf for leaf in _leaves(weights) if leaf is not None)]
        lengths = set(map(_length, leaves))
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(
                "Expected arrays `x`, `y` and, if given, `sample_weight` of one length to cut into "
                f"{len(self)} folds. Received: {_told(leaves)}. Data that come in batches "
                "(tf.data.Dataset, PyDataset, a generator) cannot be cut: pass arrays."
            )
        self._check_split(x, y)

    def _check_split(self, x: Any, y: Any) -> None:
        try:
            parts = itertools.chain(*self._rows(x, y, round_=0))
            if min(map(len, parts), default=0) == 0:
                raise ValueError("a fold has no rows to train with, or none to judge by")
        except Exception as error:
            reason = str(error).rstrip(".")
            raise ValueError(
                f"Expected data that `cross_validation={self._splitter!r}` cuts into {len(self)} "
                f"folds. Received: {_told(_leaves([x, y]))}, of which it says: {reason}. Pass a "
                "number of folds, no more than there are rows, or a splitter for such data."
            ) from error

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
        targets = _targets(y)
        splitter = copy.deepcopy(self._splitter)  # a generator that it shuffles by stays as it is
        if isinstance(splitter, int):
            targets = _classes(targets)
            stratified = targets is not None and np.bincount(targets).min() >= splitter
            kind = StratifiedKFold if stratified else KFold
            splitter = kind(splitter, shuffle=True, random_state=round_)
        elif getattr(splitter, "random_state", round_) is None:
            splitter.random_state = round_  # else it would shuffle otherwise each time
        rows = np.arange(_length(_leaves(x)[0]))
        folds = splitter.split(np.zeros(len(rows)), targets)
        return [(rows[train], rows[judge]) for train, judge in folds]


def _number_of_folds(splitter: Any) -> int:
    if type(splitter) is int:  # a boolean is none
        if splitter < 2:
            raise ValueError(
                f"Expected `cross_validation` to be at least 2. Received: {splitter}. Leave it out "
                "to validate with `validation_data` or `validation_split`."
            )
        return splitter
    try:
        return int(splitter.get_n_splits())
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            "Expected `cross_validation` to be a number of folds, or a splitter such as "
            "`sklearn.model_selection.KFold(5)` that needs neither data nor groups to tell how "
            f"many it makes. Received: {splitter!r}. Pass a number of folds."
        ) from error


def _named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns all arguments by name. Those that `Model.fit` lacks are for a `fit` of one's own."""
    return {**dict(zip(_NAMES, args, strict=False)), **kwargs}


def _leaves(data: Any) -> list[Any]:
    leaves: list[Any] = keras.tree.flatten(data)
    return leaves


def _length(leaf: Any) -> int:
    """Returns the number of rows; 0 for what has none, such as a number or a data set."""
    shape: Any = getattr(leaf, "shape", ())
    return int(shape[0]) if len(shape) else 0


def _targets(y: Any) -> NDArray[Any] | None:
    """Returns the targets of a model with one output; of one-hot rows the classes' numbers."""
    (leaf, *others) = _leaves(y)
    if others or scipy.sparse.issparse(leaf):
        return None
    array = _array(leaf)
    if array.ndim == 2 and array.shape[1] == 1:
        return array.ravel()
    return array.argmax(axis=1) if _is_one_hot(array) else array


def _is_one_hot(array: NDArray[Any]) -> bool:
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        return False
    return bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all())


def _classes(targets: NDArray[Any] | None) -> Rows | None:
    """Returns the number of each row's class, counted from 0, if the targets are classes."""
    if targets is None or targets.ndim != 1 or targets.dtype.kind not in "biufUSO":
        return None
    values, classes = np.unique(targets, return_inverse=True)
    if targets.dtype.kind == "f":
        whole = len(values) <= _MOST_CLASSES and (values == np.floor(values)).all()
        return classes if whole else None
    return classes


def _part(data: Any, rows: Rows) -> Any:
    return keras.tree.map_structure(lambda leaf: _rows_of(leaf, rows), data)


def _rows_of(leaf: Any, rows: Rows) -> Any:
    if leaf is None:  # no weights of one of the outputs
        return None
    if hasattr(leaf, "iloc"):
        return leaf.iloc[rows]
    if scipy.sparse.issparse(leaf):
        return leaf.tocsr()[rows]
    if _is_foreign_to_numpy(leaf):
        return keras.ops.take(leaf, rows, axis=0)
    return _array(leaf)[rows]


def _is_foreign_to_numpy(leaf: Any) -> bool:
    """Whether something is a tensor of strings, or with rows of several lengths."""
    return keras.ops.is_tensor(leaf) and (leaf.dtype == "string" or None in tuple(leaf.shape))


def _array(leaf: Any) -> NDArray[Any]:
    if isinstance(leaf, np.ndarray) or hasattr(leaf, "iloc"):
        return np.asarray(leaf)
    return np.asarray(keras.ops.convert_to_numpy(leaf))


def _told(leaves: list[Any]) -> str:
    shapes = (
        f"shape {tuple(x.shape)}" if hasattr(x, "shape") else type(x).__name__ for x in leaves
    )
    return f"[{', '.join(dict.fromkeys(shapes))}]"  # a list of numbers has as many leaves
