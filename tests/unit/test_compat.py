"""What is told of versions is the same everywhere."""

import re
from pathlib import Path

import kt_extensions as kte
from tests.compat.__main__ import BEGIN, END, rows_in, table
from tests.compat.rows import ROWS

ROOT = Path(__file__).parents[2]
BOUND = re.compile(r'"([a-z-]+)>=([\d.]+)"')


def test_the_lowest_row_has_the_lower_bounds():
    """`ray` and `mlflow` are installed with one version alone."""
    project = (ROOT / "pyproject.toml").read_text()
    needed = project[project.index("dependencies = [") : project.index("ray = [")]
    bounds = dict(BOUND.findall(needed.replace("tensorflow[and-cuda]", "tensorflow")))
    lines = (ROOT / "tests" / "compat" / "lowest.txt").read_text().splitlines()
    pins = dict(line.split(" ;")[0].split("==") for line in lines if "==" in line)
    del bounds["tensorflow"]  # the same as tensorflow-cpu
    assert len(bounds) > 12
    for name, bound in bounds.items():
        pinned = pins[name].split(".")
        assert pinned == [*bound.split("."), "0", "0"][: len(pinned)], name


def test_rows_that_are_not_run_stay_in_the_table():
    document = f"{BEGIN}\n{table({'jax': ['jax', '3.11'], 'torch': ['torch', '3.11']})}{END}"
    merged = {**rows_in(document), "jax": ["jax", "3.12"]}
    assert table(merged).splitlines()[-2:] == ["| jax | 3.12 |", "| torch | 3.11 |"]


def test_every_python_is_in_a_row():
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert {python for row in ROWS for python in row.pythons} == {*classifiers}


def test_the_version_is_told_everywhere():
    for file, pattern in (
        ("pyproject.toml", r'^version = "(.*)"$'),
        ("CITATION.cff", r"^version: (.*)$"),
    ):
        [version] = re.findall(pattern, (ROOT / file).read_text(), re.MULTILINE)
        assert version == kte.__version__
    assert f"## [{kte.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
