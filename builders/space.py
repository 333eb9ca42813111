"""The arguments that all families of models share."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, Names, Switch

from . import data, layers, optimizers
from .heads import HeadSpace, Outputs, Tasks

P = ParamSpec("P")


@dataclass(kw_only=True, eq=False)
class ModelSpace(ABC):
    """Search space of compiled models of one family.

    Its fields are the arguments of the family's builder function. A range is a tuple
    `(low, high)`, both ends included, a list of values to choose from, or a single value, which
    fixes the hyperparameter and takes it out of the search. Hyperparameters bear the names of the
    arguments.

    Raises:
        ValueError: If an argument is not of the form that its family tells.
    """

    input_shape: Any
    outputs: Outputs
    task: Tasks = None
    loss: Names | None = None
    label_smoothing: FloatRange = 0.0
    activation: Names = layers.DEFAULT_ACTIVATIONS
    normalization: Names = layers.NORMALIZATIONS
    normalization_momentum: FloatRange = 0.9
    dropout: FloatRange = (0.0, 0.5)
    output_dropout: FloatRange | None = None
    residual: Switch = False
    initializer: Names = "glorot"
    initializer_deviation: FloatRange = (0.01, 0.2)
    l2: FloatRange = 0.0
    input_normalization: Switch = False
    optimizer: Names = optimizers.DEFAULT_OPTIMIZERS
    learning_rate: FloatRange = (1e-4, 3e-2)
    clip_norm: FloatRange | None = None
    momentum: FloatRange = (0.5, 0.99)
    rho: FloatRange = (0.8, 0.99)
    beta_1: FloatRange | None = None
    beta_2: FloatRange | None = None
    epsilon: FloatRange | None = None
    weight_decay: FloatRange = (1e-5, 1e-1)

    def __post_init__(self) -> None:
        self._heads = HeadSpace.of(self.outputs, self.task, self.loss, self.label_smoothing)
        self._hidden = layers.HiddenSpace.of(**self._arguments(layers.HiddenSpace.of))
        self._residual = ranges.switch("residual", self.residual)
        self._input_normalization = ranges.switch("input_normalization", self.input_normalization)
        self._optimizer = optimizers.OptimizerSpace.of(
            **self._arguments(optimizers.OptimizerSpace.of)
        )

    @abstractmethod
    def features(self, hp: Any) -> tuple[Any, Any]:
        """Adds the hyperparameters of the hidden layers to `hp`.

        Returns:
            The inputs of the model, and the features, of shape `(batch, units)`, from which the
            heads predict.
        """

    def build(self, hp: Any) -> keras.Model:
        """Returns the compiled model that the values of `hp` describe."""
        inputs, features = self.features(hp)
        return self._heads.compile(hp, inputs, features, self._optimizer.declare(hp))

    def check(self, x: Any, y: Any, name: str = "") -> None:
        """Checks arrays to train on or to validate with.

        Args:
            x: The inputs, an array, or a dictionary of arrays.
            y: The targets, an array, or a dictionary of arrays by the names of the outputs.
            name: What to call the data in an error, for example "validation_data".

        Raises:
            ValueError: If they have not the shapes of the model's inputs and outputs, or targets
                are outside of the classes.
        """
        x_name, y_name = (f"{name}[0]", f"{name}[1]") if name else ("x", "y")
        self._check_inputs(x, x_name)
        data.check_numbers(x, x_name)
        self._heads.check(y, y_name)
        data.check_rows(x, y, x_name, y_name)

    def _check_inputs(self, x: Any, name: str) -> None:
        data.check_no_text(x, name)
        data.check_shape(x, self.input_shape, name)

    def _arguments(self, reader: Callable[..., Any]) -> dict[str, Any]:
        """Returns those fields that a reader of arguments takes."""
        return {name: getattr(self, name) for name in inspect.signature(reader).parameters}


def arguments_of(
    space: Callable[P, ModelSpace],
) -> Callable[[Callable[..., keras.Model]], Callable[Concatenate[Any, P], keras.Model]]:
    """Tells editors and `help` that a builder function takes `hp` and the arguments of a space."""

    def decorate(build: Callable[..., keras.Model]) -> Callable[Concatenate[Any, P], keras.Model]:
        @functools.wraps(build)
        def builder(hp: Any, /, *args: P.args, **kwargs: P.kwargs) -> keras.Model:
            return build(hp, *args, **kwargs)

        first, *_ = inspect.signature(build).parameters.values()
        own = inspect.signature(space).parameters.values()
        builder.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [first, *own], return_annotation=keras.Model
        )
        return builder

    return decorate
