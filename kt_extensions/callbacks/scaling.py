"""The callback that suits the rate to the batch size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kt_extensions import schedules
from kt_extensions.callbacks.decays import ScheduledRate
from kt_extensions.schedules import Schedule, check


class LinearScaling(ScheduledRate):
    """Multiplies the rate by as much as the batches are larger than those that it was chosen for.

    With k = batch_size / reference the rate rises, batch by batch, from its base to k times that
    over the first epochs, and stays there; a k of at most 1 applies at once. A decay beside it
    multiplies.

    `LinearScaling(1024, reference=256, warmup=4)`, of a rate of 0.1, as each epoch begins:

    | epoch | 0 | 1 | 2 | 3 | 4 | 5 |
    |---|---|---|---|---|---|---|
    | rate | 0.1 | 0.175 | 0.25 | 0.325 | 0.4 | 0.4 |

    The rule was made for SGD; its authors saw it hold up to batches of 8192 images. They correct
    the momentum where the rate changes at once, which is not done here.

    Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017
    (arXiv 1706.02677), sections 2.1 and 2.2.

    Args:
        batch_size: Rows in a batch of the training, all devices together.
        reference: Rows in a batch that the optimizer's rate was chosen for.
        warmup: How many epochs the rise takes; 0 for none. Defaults to 5, as in the paper.
        optimizers: Where the model has its optimizers: the name of an attribute, or several.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> callback = LinearScaling(1024, reference=256)
    >>> history = model.fit(x, y, batch_size=1024, callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(
        self,
        batch_size: int,
        *,
        reference: int,
        warmup: float = 5,
        optimizers: str | Sequence[str] = "optimizer",
    ) -> None:
        check("batch_size", batch_size, lambda n: n > 0, "a positive number of rows")
        check("reference", reference, lambda n: n > 0, "a positive number of rows")
        check("warmup", warmup, lambda n: n >= 0, "a number of epochs of at least 0")
        super().__init__(_rise(batch_size / reference, warmup), optimizers=optimizers)


def _rise(scale: float, length: float) -> Schedule:
    if scale <= 1 or length == 0:
        return schedules.constant(scale)
    return partial(_scaled, scale, schedules.warmup(length, start=1 / scale))


def _scaled(scale: float, schedule: Schedule, epoch: float) -> float:
    return scale * schedule(epoch)
