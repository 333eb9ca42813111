"""The programs of docs/schedules.md run as they stand, and print what it says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "schedules.md"


@pytest.fixture
def names(tmp_path, monkeypatch, capsys):
    """What the programs leave, run one after the other, and what they print."""
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    found = {"__name__": "page"}
    for program in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(program, str(PAGE), "exec"), found)
    return found | {"printed": capsys.readouterr().out}


def test_programs_do_what_the_page_says(names, tmp_path):
    shown = re.findall(r"# (\[[\d., ]+\])", PAGE.read_text())
    assert len(shown) == 2
    assert [line for line in shown if line not in names["printed"]] == []
    trials = names["tuner"].oracle.trials.values()
    assert [trial.status for trial in trials] == ["COMPLETED"] * 3
    assert {"schedule", "gamma", "drop"} <= {
        p.name for p in names["tuner"].oracle.get_space().space
    }
    assert names["losses"]["HypergradientSGD"] < 0.1 * names["losses"]["SGD"]
    assert names["optimizer"].learning_rate.numpy() > 1e-3
    assert (tmp_path / "schedules.png").stat().st_size > 10_000


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text())
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
