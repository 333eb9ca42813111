"""The notebooks of the documentation run without a network, and show what they say."""

import base64
import json
import re
from pathlib import Path

import keras
import nbformat
import pytest

from tests.kernels import execute

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_BYTES = 150_000

# Run behind the last cell: what the names of a notebook hold.
FACTS = {
    "first_search": """
facts = {
    "trials": [trial.status for trial in tuner.oracle.trials.values()],
    "accuracy": accuracy,
    "described": [row.name for row in space.rows],
    "searched": list(trial.hyperparameters.values),
    "logged": len(list(__import__("pathlib").Path("logs", "digits").glob("*/?/execution0"))),
}""",
    "multi_fidelity": """
line = [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]
facts = {
    "epochs": epochs,
    "trials": [trial.status for trial in tuner.oracle.trials.values()],
    "promoted": sum("tuner/trial_id" in values for values in line),
    "scores": [best.score, longer.score],
    "right": int((probabilities.argmax(axis=1) == y[-3:]).sum()),
}""",
}


def first_search(facts):
    assert facts["trials"] == ["COMPLETED"] * 8
    assert facts["logged"] == 8
    assert facts["accuracy"] > 0.9
    assert sorted(facts["described"]) == sorted(facts["searched"])


def multi_fidelity(facts):
    assert facts["trials"] == ["COMPLETED"] * 23
    assert facts["epochs"] == 69
    assert facts["promoted"] == 3 + 1 + 1 + 1  # in two brackets, and by hand
    assert facts["scores"][1] >= facts["scores"][0] > 0.8
    assert facts["right"] >= 2


EXPECTED = {"first_search": first_search, "multi_fidelity": multi_fidelity}


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def outputs(notebook: nbformat.NotebookNode) -> list[list[set[str]]]:
    """Returns of each cell of code the kinds of what it has shown."""
    cells = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    return [[set(output.get("data", {"stream": ""})) for output in shown] for shown in cells]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="notebooks are for TensorFlow")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_shows_what_it_shows(path, tmp_path, monkeypatch):
    notebook = read(path)
    shown = outputs(notebook)
    facts = f"{FACTS[path.stem]}\nimport json\nprint(json.dumps(facts))"
    notebook.cells.append(nbformat.v4.new_code_cell(facts))
    execute(notebook, tmp_path, monkeypatch)
    *ran, _ = outputs(notebook)
    assert ran == shown
    EXPECTED[path.stem](json.loads(notebook.cells[-1].outputs[0].text))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_clean_and_small(path):
    text, notebook = path.read_text(), read(path)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert [cell.metadata for cell in notebook.cells] == [{}] * len(notebook.cells)
    assert re.findall(r"/(?:home|root|tmp|work|usr|Users)/", text) == []
    images = re.findall(r'"image/png": "(.*?)"', text)
    assert images
    assert max(len(base64.b64decode(image.replace("\\n", ""))) for image in images) < MOST_BYTES


def test_links_lead_somewhere():
    links = [
        (path, link)
        for path in NOTEBOOKS
        for link in re.findall(
            r"\]\((?!http)([^)#]+)", "".join(cell.source for cell in read(path).cells)
        )
    ]
    assert links
    assert [link for path, link in links if not (path.parent / link).exists()] == []
