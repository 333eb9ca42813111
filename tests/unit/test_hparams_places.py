"""Where the rows of a project lie that was copied, renamed or moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras_tuner as kt

from kt_extensions.hparams import HParamsLogger
from kt_extensions.hparams import _layout as layout
from tests.unit.test_hparams import PLAIN, make_oracle, read

SCORE = "objective/val_accuracy"


def search(tmp_path: Path, place: str, scores: list[float], name: str = "digits") -> None:
    """Runs a trial for each score, in a project that may hold trials before them."""
    oracle = make_oracle(tmp_path / place, [PLAIN] * 9)
    oracle._set_project_dir(str(tmp_path / place), name)
    if Path(oracle._get_oracle_fname()).exists():
        oracle.reload()
    logger = HParamsLogger(tmp_path / "logs")
    logger.on_search_begin(oracle, str(tmp_path / place / name), name)
    for score in scores:
        trial: kt.engine.trial.Trial = oracle.create_trial("tuner0")
        oracle.update_trial(trial.trial_id, {"val_accuracy": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        logger.on_trial_end(oracle.get_trial(trial.trial_id))
    oracle.save()


def rows(tmp_path: Path) -> dict[str, list[float]]:
    """The scores of each search, by its label."""
    found: dict[str, list[float]] = {}
    for folder in sorted((tmp_path / "logs").glob("*/*/0*")):
        for run in read(folder).values():
            label = run["session_start_info"][0].group_name.rpartition("/")[0]
            found.setdefault(label, []).append(run[SCORE][-1][1])
    return found


def test_a_copied_project_leaves_the_rows_of_the_original(tmp_path: Path) -> None:
    search(tmp_path, "a", [0.25])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    search(tmp_path, "b", [0.5])
    search(tmp_path, "a", [0.75])
    search(tmp_path, "b", [])
    found = rows(tmp_path)
    assert found.pop("digits") == [0.25, 0.75]
    ((label, scores),) = found.items()
    assert label.startswith("digits-") and scores == [0.25, 0.5]


def test_a_copy_outlives_its_original(tmp_path: Path) -> None:
    search(tmp_path, "a", [0.25])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "a")
    search(tmp_path, "b", [0.5])
    assert rows(tmp_path) == {"digits": [0.25, 0.5]}


def test_workers_of_a_copy_agree_on_its_id(tmp_path: Path) -> None:
    search(tmp_path, "a", [])
    copied = (tmp_path / "a/digits/hparams_search_id").read_text()
    ids = {layout._renewed_id(str(tmp_path / "a/digits"), copied) for _ in range(2)}
    assert len(ids) == 1 and copied not in ids


def test_a_project_by_two_paths_is_no_copy(tmp_path: Path) -> None:
    search(tmp_path, "a", [0.25])
    (marker,) = (tmp_path / "logs").glob("*/*/search.json")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    told = marker.read_text().replace(str(tmp_path / "a"), str(tmp_path / "b"))
    marker.write_text(told)
    search(tmp_path, "a", [0.5])
    assert rows(tmp_path) == {"digits": [0.25, 0.5]}


def test_a_renamed_project_goes_on_in_its_rows(tmp_path: Path) -> None:
    search(tmp_path, "a", [0.25])
    (tmp_path / "a/digits").rename(tmp_path / "a/letters")
    search(tmp_path, "a", [0.5], "letters")
    assert rows(tmp_path) == {"digits": [0.25, 0.5]}
    shutil.rmtree(tmp_path / "a/letters")
    search(tmp_path, "a", [0.75], "letters")
    assert rows(tmp_path) == {"letters": [0.75]}


def test_a_copy_of_another_name_is_no_renamed_project(tmp_path: Path) -> None:
    search(tmp_path, "a", [0.25])
    shutil.copytree(tmp_path / "a/digits", tmp_path / "a/letters")
    search(tmp_path, "a", [0.5], "letters")
    assert rows(tmp_path) == {"digits": [0.25], "letters": [0.25, 0.5]}


def test_a_project_of_another_machine_is_no_renamed_one(tmp_path: Path) -> None:
    """Whether it is still there cannot be seen from here."""
    search(tmp_path, "a", [0.25])
    (marker,) = (tmp_path / "logs").glob("*/*/search.json")
    (tmp_path / "a/digits").rename(tmp_path / "a/letters")
    marker.write_text(marker.read_text().replace(layout.socket.gethostname(), "elsewhere"))
    search(tmp_path, "a", [0.5], "letters")
    assert rows(tmp_path) == {"digits": [0.25], "letters": [0.25, 0.5]}
