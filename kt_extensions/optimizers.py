"""Hypergradient descent: optimizers that learn their learning rate while they train.

Baydin, Cornish, Rubio, Schmidt, Wood, "Online Learning Rate Adaptation with Hypergradient Descent",
ICLR 2018, arXiv:1703.04782. Before each step the rate alpha goes down the gradient of the loss with
respect to it (algorithms 4 to 6):

    h = -g_t . d_{t-1}                      g: gradient, d: direction of the last step
    alpha_t = alpha_{t-1} - beta h          beta: the rate's own rate, `hypergradient_rate`
    theta_t = theta_{t-1} - alpha_t d_t
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kt_extensions.schedules import check


class _Hypergradient(keras.optimizers.Optimizer):  # type: ignore[misc]
    """What the optimizers share; a subclass gives the direction of a step."""

    def __init__(self, learning_rate: float, hypergradient_rate: float, **kwargs: Any) -> None:
        check("learning_rate", learning_rate, math.isfinite, "a number, which training changes")
        at_least_0 = "a number of at least 0"
        check("hypergradient_rate", hypergradient_rate, lambda b: 0 <= b < math.inf, at_least_0)
        super().__init__(learning_rate=float(learning_rate), **kwargs)
        self.hypergradient_rate = float(hypergradient_rate)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if not self.built:
            super().build(variables)
            self._directions = self._slots(variables, "direction")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Changes one variable, and remembers in which direction."""
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        direction = self._direction(gradient, index)
        self.assign(self._directions[index], direction)
        self.assign_sub(variable, ops.multiply(ops.cast(learning_rate, variable.dtype), direction))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "hypergradient_rate": self.hypergradient_rate}

    def _direction(self, gradient: Any, index: int) -> Any:
        raise NotImplementedError

    def _slots(self, variables: Sequence[keras.Variable], name: str) -> list[keras.Variable]:
        return [self.add_variable_from_reference(variable, name=name) for variable in variables]

    def _backend_update_step(
        self, grads: Any, trainable_variables: Any, learning_rate: Any
    ) -> None:
        """Changes the rate and then the variables; Keras calls it once for each update."""
        dense = [ops.convert_to_tensor(gradient) for gradient in grads]
        slots = [self._directions[self._get_variable_index(v)] for v in trainable_variables]
        product = sum(_dot(g, d) for g, d in zip(dense, slots, strict=True))
        rate = ops.convert_to_tensor(learning_rate)
        rate = ops.add(
            rate, ops.cast(self.hypergradient_rate * _over_replicas(product), rate.dtype)
        )
        self.assign(self.learning_rate, rate)
        super()._backend_update_step(dense, trainable_variables, rate)


@keras.saving.register_keras_serializable(package="kt_extensions")
class HypergradientSGD(_Hypergradient):
    """Gradient descent that learns its rate: the paper's SGD-HD and SGDN-HD.

    With v_t = momentum v_{t-1} + g_t, the direction d_t is g_t without momentum (SGD-HD),
    g_t + momentum v_t with Nesterov's (SGDN-HD), and v_t with the plain one.

    Two steps from theta = 1 on the loss theta ** 2, with a rate of 0.1 and beta = 0.01:

    | step t | g_t | alpha_t | theta_t |
    |---|---|---|---|
    | 1 | 2 | 0.1 | 0.8 |
    | 2 | 1.6 | 0.1 + 0.01 * 1.6 * 2 = 0.132 | 0.5888 |

    Source: Baydin et al., ICLR 2018, algorithms 4 and 5.

    Args:
        learning_rate: The rate of the first step; `optimizer.learning_rate` is the present one.
        hypergradient_rate: beta. The paper has 0.001, and less for deep networks.
        momentum: A fraction in [0, 1).
        nesterov: Whether the momentum is Nesterov's.
        **kwargs: As `keras.optimizers.Optimizer` takes them.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> theta = keras.Variable(1.0)
    >>> optimizer = HypergradientSGD(0.1, hypergradient_rate=0.01)
    >>> for step in (1, 2):
    ...     optimizer.apply([2 * ops.convert_to_tensor(theta)], [theta])
    ...     print(optimizer.learning_rate.numpy().round(4), theta.numpy().round(4))
    0.1 0.8
    0.132 0.5888
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        hypergradient_rate: float = 0.001,
        momentum: float = 0.0,
        nesterov: bool = True,
        **kwargs: Any,
    ) -> None:
        check("momentum", momentum, lambda m: 0 <= m < 1, "a fraction of at least 0 and below 1")
        super().__init__(learning_rate, hypergradient_rate, **kwargs)
        self.momentum, self.nesterov = float(momentum), nesterov

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if not self.built:
            super().build(variables)
            self._velocities = self._slots(variables, "velocity") if self.momentum else []

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}

    def _direction(self, gradient: Any, index: int) -> Any:
        if not self.momentum:
            return gradient
        velocity = self._velocities[index]
        moved = ops.add(ops.multiply(velocity, self.momentum), gradient)
        self.assign(velocity, moved)
        return ops.add(gradient, ops.multiply(moved, self.momentum)) if self.nesterov else moved


@keras.saving.register_keras_serializable(package="kt_extensions")
class HypergradientAdam(_Hypergradient):
    """Adam that learns its rate: the paper's Adam-HD.

    The direction d_t is m_t / (sqrt(v_t) + epsilon), with both moments corrected for their bias.

    Source: Baydin et al., ICLR 2018, algorithm 6.

    Args:
        learning_rate: The rate of the first step; `optimizer.learning_rate` is the present one.
        hypergradient_rate: beta. The paper has 1e-7, and less for deep networks.
        beta_1: Decay of the first moment, in [0, 1).
        beta_2: Decay of the second moment, in [0, 1).
        epsilon: A small positive number.
        **kwargs: As `keras.optimizers.Optimizer` takes them.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> optimizer = HypergradientAdam(0.001, hypergradient_rate=1e-7)
    >>> model.compile(optimizer, loss="mse")  # doctest: +SKIP
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        hypergradient_rate: float = 1e-7,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        **kwargs: Any,
    ) -> None:
        for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            check(name, beta, lambda b: 0 <= b < 1, "a fraction of at least 0 and below 1")
        check("epsilon", epsilon, lambda e: 0 < e < math.inf, "a positive number")
        super().__init__(learning_rate, hypergradient_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if not self.built:
            super().build(variables)
            self._first = self._slots(variables, "first_moment")
            self._second = self._slots(variables, "second_moment")

    def get_config(self) -> dict[str, Any]:
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**super().get_config(), **own}

    def _direction(self, gradient: Any, index: int) -> Any:
        first = self._moment(self._first[index], gradient, self.beta_1)
        second = self._moment(self._second[index], ops.square(gradient), self.beta_2)
        return ops.divide(first, ops.add(ops.sqrt(second), self.epsilon))

    def _moment(self, slot: Any, value: Any, beta: float) -> Any:
        """Updates a moment and returns it corrected for its bias."""
        moment = ops.add(ops.multiply(slot, beta), ops.multiply(value, 1 - beta))
        self.assign(slot, moment)
        step = ops.cast(self.iterations + 1, moment.dtype)
        return ops.divide(moment, 1 - ops.power(ops.cast(beta, moment.dtype), step))


def _dot(gradient: Any, direction: Any) -> Any:
    product = ops.multiply(ops.cast(gradient, "float32"), ops.cast(direction, "float32"))
    return ops.sum(product)


def _over_replicas(product: Any) -> Any:
    """Sums over the replicas of `tf.distribute`, as Keras sums their gradients."""
    if keras.config.backend() != "tensorflow":
        return product
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return product
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, product)
