"""What is written to a run together, in as few requests as MLflow allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_POINTS, _PAIRS = 800, 100  # in a request; of all together MLflow allows 1000

Point = tuple[str, float, int, int]
"""A metric's name, its value, the milliseconds since 1970, and its step."""


@dataclass
class Batch:
    """Parameters, tags and metrics that are not written yet.

    Args:
        params: Names and values of parameters.
        tags: Values of tags by name; the last one counts.
        points: What the metrics were when.
    """

    params: list[tuple[str, str]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)

    def send(self, client: Any, run_id: str | None) -> None:
        """Writes all that there is; what was written is gone from here, also after an error."""
        from mlflow.entities import Metric, Param, RunTag

        while self.params or self.tags or self.points:
            tags = list(self.tags.items())[:_PAIRS]
            client.log_batch(
                run_id,
                metrics=[Metric(*point) for point in self.points[:_POINTS]],
                params=[Param(*pair) for pair in self.params[:_PAIRS]],
                tags=[RunTag(*pair) for pair in tags],
                synchronous=True,
            )
            del self.points[:_POINTS], self.params[:_PAIRS]
            for name, _ in tags:
                del self.tags[name]
