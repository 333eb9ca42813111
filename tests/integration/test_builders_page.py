"""The programs of docs/builders.md run as they stand, and print what it says."""

import inspect
import re
from pathlib import Path

import keras
import pytest

from kt_extensions import builders

PAGE = Path(__file__).parents[2] / "docs" / "builders.md"


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the table holds strings")
def test_programs_do_what_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = {"__name__": "page"}
    scores = []
    for program in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(program, str(PAGE), "exec"), found)
        trials = found["tuner"].oracle.trials.values()
        assert {trial.status for trial in trials} == {"COMPLETED"}
        scores.append(found["tuner"].oracle.get_best_trials()[0].score)
    assert len(scores) == 4
    printed = capsys.readouterr().out
    shown = re.findall(r"print\(.*\)  # (.*)", PAGE.read_text())
    assert len(shown) == 2
    assert [line for line in shown if line not in printed] == []
    table = {name: column[:3] for name, column in found["table"].items()}
    assert found["model"].predict(table, verbose=0).shape == (3, 1)


def test_arguments_of_all_families_are_named_on_the_page():
    names = set.intersection(
        *(set(inspect.signature(f).parameters) for f in (builders.MLP, builders.CNN, builders.GRU))
    )
    assert len(names) > 30
    own = {"decay_rate", "gamma", "drop", "step_epochs", "schedule_patience", "name", "tunable"}
    own |= {"dense_units"}
    page = PAGE.read_text()
    assert [name for name in names - own if f"`{name}`" not in page] == []


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text())
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
