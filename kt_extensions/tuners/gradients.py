"""What TensorFlow keeps of each function that it has traced, for ever.

For an operation with a gradient of its own (`tf.custom_gradient`, which Keras' losses and
activations use) it registers a function under a new name at each trace. The function holds the
whole graph, and the registry is never emptied: a program that trains many models grows by some
megabytes with each, and so does the time of its garbage collections.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import keras

_PREFIX, _FUNCTION = "CustomGradient-", "type"


def tie_to_graphs() -> None:
    """Has each gradient registered so far live as long as the graph that it belongs to.

    Does nothing with other backends.

    Example:

    >>> tie_to_graphs()
    """
    if keras.backend.backend() != "tensorflow":
        return
    registry = _registry()
    for name in [name for name in registry if name.startswith(_PREFIX)]:
        gradient = registry[name][_FUNCTION]
        graphs = [] if isinstance(gradient, _Tied) else _graphs_of(gradient)
        if graphs:
            registry[name][_FUNCTION] = _Tied(gradient)
            for graph in graphs:  # it may be copied into those around it
                graph._tied_gradients = [*getattr(graph, "_tied_gradients", ()), gradient]
            weakref.finalize(graphs[0], registry.pop, name, None).atexit = False


class _Tied:
    """A gradient that its graph holds, not the registry."""

    def __init__(self, gradient: Callable[..., Any]) -> None:
        self._gradient = weakref.ref(gradient)

    def __call__(self, *args: Any) -> Any:
        gradient = self._gradient()
        if gradient is None:
            raise LookupError("The graph that this gradient belongs to does not exist any more.")
        return gradient(*args)


def _registry() -> dict[str, Any]:
    from tensorflow.python.framework import ops

    found: dict[str, Any] = ops.gradient_registry._registry
    return found


def _graphs_of(gradient: Any) -> list[Any]:
    """Returns the graph whose tensors a registered gradient refers to, and those around it."""
    return max((_and_around(part) for part in _parts(gradient)), key=len, default=[])


def _parts(gradient: Any) -> Iterator[Any]:
    """Yields what a registered gradient, and what it calls, refer to."""
    for part in _cells(gradient):
        for inner in (part, *_cells(part)):
            yield from inner if isinstance(inner, list | tuple) else (inner,)


def _cells(function: Any) -> Iterator[Any]:
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # the cell is empty
            yield cell.cell_contents


def _and_around(tensor: Any) -> list[Any]:
    """Returns the graph of a tensor, if it was traced, and those around it."""
    from tensorflow.python.framework.func_graph import FuncGraph

    graphs, graph = [], getattr(tensor, "graph", None)
    while isinstance(graph, FuncGraph):
        graphs.append(graph)
        graph = graph.outer_graph
    return graphs
