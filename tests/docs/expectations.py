"""What the programs of a page find, and what they leave behind besides what they print."""

from pathlib import Path
from typing import Any, NamedTuple

from tests.docs.pages import PAGES, blocks


class Outcome(NamedTuple):
    """What the programs of a page came to, run one after the other."""

    names: dict[str, Any]
    folder: Path
    passed: int  # tests that are programs of the page


def best_trial(folder: Path) -> None:
    """Writes the file that the command line would write, as the page shows it."""
    (toml,) = (b.text for b in blocks(PAGES["docs/command_line.md"]) if b.kind == "toml")
    (folder / "best.toml").write_text(toml)


def readme(outcome: Outcome) -> None:
    trials = outcome.names["tuner"].oracle.trials
    assert [trial.status for trial in trials.values()] == ["COMPLETED"] * 2
    assert outcome.names["model"].output_shape == (None, 10)
    assert (outcome.folder / "history.png").stat().st_size > 1000
    assert list((outcome.folder / "logs").rglob("events.out.tfevents*"))


def builders(outcome: Outcome) -> None:
    table = {name: column[:3] for name, column in outcome.names["table"].items()}
    assert outcome.names["model"].predict(table, verbose=0).shape == (3, 1)


def schedules(outcome: Outcome) -> None:
    names = outcome.names
    assert len(names["tuner"].oracle.trials) == 3
    space = names["tuner"].oracle.get_space().space
    assert {"schedule", "gamma", "drop"} <= {p.name for p in space}
    assert names["losses"]["HypergradientSGD"] < 0.1 * names["losses"]["SGD"]
    assert names["optimizer"].learning_rate.numpy() > 1e-3
    assert (outcome.folder / "schedules.png").stat().st_size > 10_000


def writing_a_sampler(outcome: Outcome) -> None:
    assert len(outcome.names["oracle"].trials) == 60
    assert outcome.passed > 150


PREPARED = {"docs/command_line.md": best_trial}
EXPECTED = {
    "README.md": readme,
    "docs/builders.md": builders,
    "docs/schedules.md": schedules,
    "docs/writing_a_sampler.md": writing_a_sampler,
}
