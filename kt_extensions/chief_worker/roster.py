"""The workers that a chief has heard of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kt_extensions.chief_worker.wire import Caller, Dismissed


@dataclass
class Worker:
    """What a chief knows of a worker.

    Args:
        instance: Names its run; `None` of a tuner of KerasTuner's, which sends no heartbeats.
        heard: When it was heard last.
        seen: Whether this chief has heard it, not one before that was killed.
        waits: Whether it stays, without a trial, in case that one has to be run again.
        dismissed: Whether it was told to end, or has said that it does.
        earlier: The runs of the worker before this one.
    """

    instance: str | None
    heard: float
    seen: bool = True
    waits: bool = False
    dismissed: bool = False
    earlier: set[str] = field(default_factory=set)


class Roster:
    """The workers by their names, `KERASTUNER_TUNER_ID`.

    Args:
        patience: Seconds of silence after which one counts as dead.
        clock: Tells the time in seconds.

    Example:

    >>> roster = Roster(patience=60, clock=lambda: 0.0)
    >>> roster.hear(Caller("worker-3", "5f2c"))
    False
    >>> roster.is_silent("worker-3")
    False
    """

    def __init__(self, patience: float, clock: Callable[[], float]) -> None:
        self.patience = patience
        self._clock = clock
        self.workers: dict[str, Worker] = {}

    def expect(self, name: str, instance: str | None) -> None:
        """Adds a worker that a chief before this one has given a trial to."""
        self.workers[name] = Worker(instance, self._clock(), seen=False)

    def hear(self, caller: Caller) -> bool:
        """Notes that a worker of ours lives.

        Returns:
            Whether an earlier run of it, which was heard here, must have died.

        Raises:
            Dismissed: If another run of it has begun since this one: two would run one trial.
        """
        known = self.workers.get(caller.tuner)
        if known is None:
            known = self.workers[caller.tuner] = Worker(caller.instance, self._clock())
        if caller.instance in known.earlier:
            raise Dismissed(
                f"Another worker with KERASTUNER_TUNER_ID={caller.tuner!r} has started since this "
                "one, and takes its place. Give each worker an id of its own."
            )
        died = known.seen and known.instance not in (None, caller.instance)
        if known.instance not in (None, caller.instance):
            known.earlier.add(str(known.instance))
        known.instance, known.heard, known.seen = caller.instance, self._clock(), True
        return died

    def note(self, caller: Caller) -> None:
        """Notes when a worker was heard, if it is known."""
        known = self.workers.get(caller.tuner)
        if known is not None and known.instance == caller.instance:
            known.heard = self._clock()

    def hear_all(self) -> None:
        """Notes all workers as heard: nobody listened."""
        for worker in self.workers.values():
            worker.heard = self._clock()

    def hear_of_keras_tuner(self, name: str) -> None:
        """Notes that a worker that is a tuner of KerasTuner's lives."""
        self.workers[name] = Worker(None, self._clock())

    def dismiss(self, name: str) -> None:
        """Notes that a worker knows that it is to end."""
        self.workers[name].dismissed = True

    def nobody_is_left(self) -> bool:
        """Whether all workers are dead, or know that they are to end."""
        return all(w.dismissed or self.is_silent(name) for name, w in self.workers.items())

    def is_silent(self, name: str) -> bool:
        """Whether a worker has not been heard for too long."""
        return self._clock() - self.workers[name].heard > self.patience

    def silent(self) -> Iterator[str]:
        """Yields the workers of ours that count as dead."""
        for name, worker in list(self.workers.items()):
            if worker.instance is not None and not worker.dismissed and self.is_silent(name):
                yield name

    def somebody_waits(self, but: str) -> bool:
        """Whether a worker that lives stays in case that a trial has to be run again.

        Args:
            but: A worker that is not meant.
        """
        return any(
            worker.waits and not worker.dismissed and not self.is_silent(name)
            for name, worker in self.workers.items()
            if name != but
        )
