"""The README's first screen runs as it stands."""

import operator
import re
from pathlib import Path

import kt_extensions as kte

README = Path(__file__).parents[2] / "README.md"


def test_the_first_program_runs(tmp_path, monkeypatch):
    program = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]
    for slow, quick in {"max_trials=25": "max_trials=2", "epochs=10": "epochs=1"}.items():
        assert slow in program
        program = program.replace(slow, quick)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(program, str(README), "exec"), names)
    assert len(names["tuner"].oracle.trials) == 2
    assert [t.status for t in names["tuner"].oracle.trials.values()] == ["COMPLETED"] * 2
    assert names["model"].output_shape == (None, 10)
    assert (tmp_path / "history.png").stat().st_size > 1000
    assert list((tmp_path / "logs").rglob("events.out.tfevents*"))


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", README.read_text())
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []


def test_the_names_that_the_readme_uses_exist():
    names = {name.strip(".") for name in re.findall(r"kte\.([A-Za-z_.]+)", README.read_text())}
    assert {"TPE", "builders.MLP", "oracles.TPEOracle"} <= names
    assert all(operator.attrgetter(name)(kte) is not None for name in names)
