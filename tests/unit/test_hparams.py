"""What `HParamsLogger` leaves on disk, read back with TensorBoard's own parsers."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.util import tensor_util

from kt_extensions.hparams import HParamsLogger
from kt_extensions.hparams import _logger as hparams_logger
from kt_extensions.logs.markdown import markdown
from kt_extensions.plots import kinds
from kt_extensions.reports import Reports
from kt_extensions.searches import SearchView
from tests.views import trial_view

SUCCESS, FAILURE = api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE


class Oracle(kt.Oracle):
    """Proposes the values it is given, without Keras and without chance."""

    def __init__(self, proposals: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.proposals = proposals
        self.verbose = 0

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        number = int(trial_id)
        if number >= len(self.proposals):
            return {"status": "STOPPED"}
        return {"status": "RUNNING", "values": dict(self.proposals[number])}


def space() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.Int("units", 8, 64, step=8)
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Choice("kind", ["plain", "deep"])
    with hp.conditional_scope("kind", ["deep"]):
        hp.Int("depth", 2, 5)
    hp.Boolean("bias")
    hp.Choice("batch", [16, 32, 64])
    hp.Choice("seed", list(range(20)))
    hp.Fixed("outputs", 10)
    return hp


PLAIN = {
    "units": 16,
    "rate": 0.01,
    "kind": "plain",
    "bias": True,
    "batch": 32,
    "seed": 3,
    "outputs": 10,
}
DEEP = {**PLAIN, "kind": "deep", "depth": 4, "tuner/epochs": 3}


@pytest.fixture
def oracle(tmp_path: Path) -> Oracle:
    return make_oracle(tmp_path, [PLAIN, DEEP, PLAIN])


def make_oracle(tmp_path: Path, proposals: list[dict[str, Any]], **kwargs: Any) -> Oracle:
    kwargs = {"objective": kt.Objective("val_accuracy", "max"), **kwargs}
    oracle = Oracle(proposals, hyperparameters=space(), **kwargs)
    oracle._set_project_dir(str(tmp_path), "digits")
    return oracle


def begin(oracle: Oracle, tmp_path: Path) -> HParamsLogger:
    logger = HParamsLogger(tmp_path / "logs")
    logger.on_search_begin(oracle, str(tmp_path / "digits"), "digits")
    return logger


def train(logger: HParamsLogger, trial: Any, scores: list[float], execution: int = 0) -> None:
    """Goes through a training as Keras does, and through KerasTuner's deep copy before it."""
    callback = copy.deepcopy(logger.callback(trial, execution))
    callback.on_train_begin()
    for epoch, score in enumerate(scores):
        callback.on_epoch_end(epoch, {"loss": 1 - score, "accuracy": 0.5, "val_accuracy": score})
    callback.on_train_end()


def end(
    oracle: Oracle,
    logger: HParamsLogger | None,
    trial: Any,
    metrics: dict[str, float] | None = None,
    step: int = 0,
    status: str = "COMPLETED",
) -> None:
    if metrics:
        oracle.update_trial(trial.trial_id, metrics, step=step)
    trial.status = status
    oracle.end_trial(trial)
    if logger:
        logger.on_trial_end(oracle.get_trial(trial.trial_id))


Run = dict[str, Any]


def read(log_dir: Path) -> dict[str, Run]:
    """All runs below `log_dir` without the search's id: the scalars by tag, start and end."""
    runs: dict[str, Run] = {}
    for folder, _, names in sorted(os.walk(log_dir)):
        for name in sorted(n for n in names if "tfevents" in n and Path(folder).name != "summary"):
            parts = Path(folder).relative_to(log_dir).parts
            run = runs.setdefault("/".join(parts[:1] + parts[2:]), {})
            for key, value in entries(os.path.join(folder, name)):
                run.setdefault(key, []).append(value)
    return runs


def entries(path: str) -> Iterator[tuple[str, Any]]:
    parsers = {
        metadata.EXPERIMENT_TAG: metadata.parse_experiment_plugin_data,
        metadata.SESSION_START_INFO_TAG: metadata.parse_session_start_info_plugin_data,
        metadata.SESSION_END_INFO_TAG: metadata.parse_session_end_info_plugin_data,
    }
    for event in EventFileLoader(path).Load():
        for value in event.summary.value:
            if parser := parsers.get(value.tag):
                name = value.tag.removeprefix("_hparams_/")
                yield name, parser(value.metadata.plugin_data.content)
            else:
                number = tensor_util.make_ndarray(value.tensor).item()
                yield value.tag, (event.step, round(number, 6))


def experiment(log_dir: Path) -> Any:
    summaries = [run["experiment"] for run in read(log_dir).values() if "experiment" in run]
    assert len(summaries) == 1 and len(summaries[0]) == 1
    return summaries[0][0]


def row_of(run: Run) -> dict[str, Any]:
    (start,) = run["session_start_info"]
    return {name: getattr(v, v.WhichOneof("kind")) for name, v in start.hparams.items()}


def values(run: Run) -> dict[str, Any]:
    """The hyperparameters of a row, without the facts of the search."""
    return {n: value for n, value in row_of(run).items() if not n.startswith("search/")}


def status(run: Run) -> int:
    (ended,) = run["session_end_info"]
    return int(ended.status)


def test_completed_trial_is_a_row_with_its_values_and_result(
    oracle: Oracle, tmp_path: Path
) -> None:
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    logger.on_trial_begin(trial)
    train(logger, trial, [0.5, 0.9, 0.7])
    end(oracle, logger, trial, {"val_accuracy": 0.9, "loss": 0.1}, step=1)

    runs = read(tmp_path / "logs")
    row = runs["digits/0000/execution0"]
    assert values(row) == PLAIN
    assert row["session_start_info"][0].group_name == "digits/0000"
    assert status(row) == SUCCESS
    assert row["objective/val_accuracy"] == [(0, 0.5), (1, 0.9), (2, 0.9)]
    assert row["best/loss"] == [(1, 0.1)]
    assert row["best_epoch"] == [(1, 1.0)]
    assert row["duration_seconds"][0][1] >= 0
    assert runs["digits/0000/execution0/train"] == {
        "epoch_loss": [(0, 0.5), (1, 0.1), (2, 0.3)],
        "epoch_accuracy": [(0, 0.5), (1, 0.5), (2, 0.5)],
    }
    assert runs["digits/0000/execution0/validation"] == {
        "epoch_accuracy": [(0, 0.5), (1, 0.9), (2, 0.7)]
    }


def test_types_and_conditions_of_values(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    for _ in range(2):
        trial = oracle.create_trial("tuner0")
        end(oracle, logger, trial, {"val_accuracy": 0.9})
    runs = read(tmp_path / "logs")
    plain, deep = (values(runs[f"digits/000{n}/execution0"]) for n in range(2))
    assert "depth" not in plain and deep["depth"] == 4.0
    assert deep["tuner/epochs"] == 3.0
    assert deep["bias"] is True and deep["kind"] == "deep"


def test_columns_have_the_domains_of_the_space(oracle: Oracle, tmp_path: Path) -> None:
    begin(oracle, tmp_path)
    infos = {info.name: info for info in experiment(tmp_path / "logs").hparam_infos}
    number, text, flag = (
        api_pb2.DATA_TYPE_FLOAT64,
        api_pb2.DATA_TYPE_STRING,
        api_pb2.DATA_TYPE_BOOL,
    )
    types = {name: info.type for name, info in infos.items()}
    assert types == {
        "units": number,
        "rate": number,
        "kind": text,
        "depth": number,
        "bias": flag,
        "batch": number,
        "seed": number,
        "outputs": number,
    }
    intervals = {
        name: (info.domain_interval.min_value, info.domain_interval.max_value)
        for name, info in infos.items()
        if info.HasField("domain_interval")
    }
    assert intervals == {"units": (8, 64), "rate": (1e-4, 1e-1), "depth": (2, 5), "seed": (0, 19)}
    choices = {
        n: list(i.domain_discrete) for n, i in infos.items() if i.HasField("domain_discrete")
    }
    assert choices == {
        "kind": ["plain", "deep"],
        "bias": [True, False],
        "batch": [16, 32, 64],
        "outputs": [10],
    }
    differs = {name for name, info in infos.items() if info.differs}
    assert differs == {"units", "rate", "kind", "bias", "batch", "seed"}


def test_metric_columns_start_with_the_objective_and_its_direction(
    oracle: Oracle, tmp_path: Path
) -> None:
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    train(logger, trial, [0.5])
    end(oracle, logger, trial, {"val_accuracy": 0.5, "loss": 0.5})
    columns = [
        (m.name.group, m.name.tag, m.display_name)
        for m in experiment(tmp_path / "logs").metric_infos
    ]
    assert columns == [
        ("", "objective/val_accuracy", "val_accuracy (max)"),
        ("", "best/loss", "loss at best"),
        ("", "best_epoch", "best epoch"),
        ("", "epochs_trained", "epochs trained"),
        ("", "duration_seconds", "duration (s)"),
        ("train", "epoch_loss", "loss (last)"),
        ("train", "epoch_accuracy", "accuracy (last)"),
        ("validation", "epoch_accuracy", "val_accuracy (last)"),
    ]


def test_a_pruned_trial_has_no_objective(oracle: Oracle, tmp_path: Path) -> None:
    """It is told apart from a completed one by the epochs after which it was pruned."""
    logger = begin(oracle, tmp_path)
    trials = [oracle.create_trial(f"tuner{i}") for i in range(2)]
    for trial in trials:
        train(logger, trial, [0.5, 0.625])
    trials[1].message = "Pruned: the median is better."
    for trial in trials:
        end(oracle, logger, trial, {"val_accuracy": 0.625, "loss": 0.5}, step=1)
    runs = read(tmp_path / "logs")
    completed, pruned = (runs[f"digits/000{i}/execution0"] for i in range(2))
    assert completed["objective/val_accuracy"][-1] == (1, 0.625)
    assert "objective/val_accuracy" not in pruned
    assert completed["pruned"] == [(1, 0.0)]
    assert pruned["pruned"] == [(1, 2.0)]
    assert pruned["epochs_trained"] == completed["epochs_trained"] == [(1, 2.0)]
    tags = [m.name.tag for m in experiment(tmp_path / "logs").metric_infos]
    assert tags.index("pruned") > tags.index("duration_seconds")


def test_executions_average_to_the_score(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    train(logger, trial, [0.5, 0.6], execution=0)
    train(logger, trial, [0.8, 0.7], execution=1)
    end(oracle, logger, trial, {"val_accuracy": 0.7})
    runs = read(tmp_path / "logs")
    finals = [runs[f"digits/0000/execution{k}"]["objective/val_accuracy"][-1] for k in range(2)]
    assert finals == [(1, 0.6), (1, 0.8)]
    groups = {
        run["session_start_info"][0].group_name for run in runs.values() if "best_epoch" in run
    }
    assert groups == {"digits/0000"}


def test_score_from_elsewhere_replaces_the_curve(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    train(logger, trial, [0.5, 0.6])
    end(oracle, logger, trial, {"val_accuracy": 0.42})
    row = read(tmp_path / "logs")["digits/0000/execution0"]
    assert row["objective/val_accuracy"] == [(0, 0.42)]


def test_failed_trial_has_a_status_and_no_objective(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    built = oracle.create_trial("tuner0")
    train(logger, built, [0.99])
    end(oracle, logger, built, status="FAILED")
    unbuilt = oracle.create_trial("tuner0")
    end(oracle, logger, unbuilt, status="FAILED")
    runs = read(tmp_path / "logs")
    for number in range(2):
        row = runs[f"digits/000{number}/execution0"]
        assert status(row) == FAILURE
        assert not any(tag.startswith(("objective/", "best")) for tag in row)
    assert values(runs["digits/0001/execution0"]) == DEEP


def test_running_trial_has_no_end_and_no_objective(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    callback = logger.callback(oracle.create_trial("tuner0"), 0)
    callback.on_train_begin()
    callback.on_epoch_end(0, {"val_accuracy": 0.9})
    logger.on_search_end()
    runs = read(tmp_path / "logs")
    assert set(runs["digits/0000/execution0"]) == {"session_start_info"}
    assert runs["digits/0000/execution0/validation"]["epoch_accuracy"] == [(0, 0.9)]


@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")  # KerasTuner's own.
def test_nan_is_left_out(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    train(logger, trial, [float("nan"), 0.5, float("nan"), 0.7])
    end(oracle, logger, trial, {"val_accuracy": 0.7, "loss": float("nan")})
    runs = read(tmp_path / "logs")
    assert runs["digits/0000/execution0/validation"]["epoch_accuracy"] == [(1, 0.5), (3, 0.7)]
    row = runs["digits/0000/execution0"]
    assert "best/loss" not in row
    assert row["objective/val_accuracy"] == [(1, 0.5), (2, 0.5), (3, 0.7)]


def test_infinite_score_is_left_out(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    end(oracle, logger, trial, {"val_accuracy": float("inf")})
    assert "objective/val_accuracy" not in read(tmp_path / "logs")["digits/0000/execution0"]


def test_retry_replaces_the_run(tmp_path: Path) -> None:
    oracle = make_oracle(tmp_path, [PLAIN], max_retries_per_trial=1)
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    train(logger, trial, [0.3], execution=0)
    train(logger, trial, [0.3], execution=1)
    end(oracle, logger, trial, status="INVALID")
    assert "session_end_info" not in read(tmp_path / "logs")["digits/0000/execution0"]

    trial = oracle.create_trial("tuner0")
    train(logger, trial, [0.8])
    end(oracle, logger, trial, {"val_accuracy": 0.8})
    runs = read(tmp_path / "logs")
    rows = [name for name, run in runs.items() if "session_start_info" in run]
    assert rows == ["digits/0000/execution0-run2"]
    assert runs[rows[0]]["objective/val_accuracy"] == [(0, 0.8)]
    assert row_of(runs[rows[0]])["search/attempt"] == 2


def test_resumed_search_replaces_the_run_that_was_cut(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    logger.callback(trial, 0).on_train_begin()

    resumed = begin(oracle, tmp_path)
    train(resumed, trial, [0.8])
    end(oracle, resumed, trial, {"val_accuracy": 0.8})
    runs = read(tmp_path / "logs")
    rows = [name for name, run in runs.items() if "session_start_info" in run]
    assert rows == ["digits/0000/execution0-run2"]
    assert len(os.listdir(tmp_path / "logs" / "digits")) == 1


def test_resume_mends_rows_of_trials_that_had_ended(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    cut = oracle.create_trial("tuner0")
    train(logger, cut, [0.8])
    end(oracle, None, cut, {"val_accuracy": 0.8})
    end(oracle, None, oracle.create_trial("tuner0"), {"val_accuracy": 0.7})

    for _ in range(2):  # The second time there is nothing left to mend.
        begin(oracle, tmp_path)
        runs = read(tmp_path / "logs")
        first, second = (runs[f"digits/000{n}/execution0"] for n in range(2))
        assert status(first) == status(second) == SUCCESS
        assert first["objective/val_accuracy"] == [(0, 0.8)]
        assert second["objective/val_accuracy"] == [(0, 0.7)]


def test_a_row_is_mended_from_what_the_trial_has_reported(
    oracle: Oracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = oracle.create_trial("tuner0")
    train(begin(oracle, tmp_path), cut, [0.8])
    end(oracle, None, cut, {"val_accuracy": 0.8})
    reports = Reports(tmp_path / "digits")
    reports.begin(cut.trial_id, "tuner0")
    reports.end(cut.trial_id, "COMPLETED", None)

    def refused(*args: Any) -> Any:
        raise AssertionError("all trials are read to mend one")

    monkeypatch.setattr(hparams_logger, "view_of_oracle", refused)
    begin(oracle, tmp_path)
    row = read(tmp_path / "logs")["digits/0000/execution0"]
    assert row["duration_seconds"][0][1] == pytest.approx(reports.read(cut.trial_id).seconds)


def test_overwritten_search_leaves_nothing_behind(oracle: Oracle, tmp_path: Path) -> None:
    end(oracle, begin(oracle, tmp_path), oracle.create_trial("tuner0"), {"val_accuracy": 0.5})
    shutil.rmtree(tmp_path / "digits")
    hp = kt.HyperParameters()
    hp.Float("momentum", 0, 1)
    other = Oracle([], objective=kt.Objective("val_loss", "min"), hyperparameters=hp)
    other._set_project_dir(str(tmp_path), "digits")
    begin(other, tmp_path)
    summary = experiment(tmp_path / "logs")
    assert len(read(tmp_path / "logs")) == 1  # The columns, and no trial.
    assert [info.name for info in summary.hparam_infos] == ["momentum"]
    assert summary.metric_infos[0].display_name == "val_loss (min)"


def test_two_searches_of_one_name_stay_apart(tmp_path: Path) -> None:
    for place in ("a", "b"):
        oracle = make_oracle(tmp_path / place, [PLAIN])
        logger = HParamsLogger(tmp_path / "logs")
        logger.on_search_begin(oracle, str(tmp_path / place / "digits"), "digits")
        trial = oracle.create_trial("tuner0")
        end(oracle, logger, trial, {"val_accuracy": 0.5})
    searches = os.listdir(tmp_path / "logs" / "digits")
    assert len(searches) == 2
    rows = {
        start.group_name
        for search in searches
        for key, start in run_entries(tmp_path / "logs" / "digits" / search / "0000" / "execution0")
        if key == "session_start_info"
    }
    assert len(rows) == 2 and "digits/0000" in rows


def run_entries(folder: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(folder.glob("*tfevents*")):
        yield from entries(str(path))


def test_columns_of_two_searches_are_united(oracle: Oracle, tmp_path: Path) -> None:
    begin(oracle, tmp_path)
    hp = kt.HyperParameters()
    hp.Int("units", 4, 32)
    hp.Choice("kind", ["wide", "deep"])
    hp.Float("momentum", 0, 1)
    other = Oracle([], objective=kt.Objective("val_loss", "min"), hyperparameters=hp)
    logger = HParamsLogger(tmp_path / "logs")
    other._set_project_dir(str(tmp_path), "letters")
    logger.on_search_begin(other, str(tmp_path / "letters"), "letters")
    summary = experiment(tmp_path / "logs")
    infos = {info.name: info for info in summary.hparam_infos}
    assert infos["units"].domain_interval.min_value == 4
    assert infos["units"].domain_interval.max_value == 64
    assert set(infos["kind"].domain_discrete) == {"plain", "deep", "wide"}
    facts = {"search/active", "search/project", "search/trial"}
    assert {name for name, info in infos.items() if info.differs} == {"units", "kind", *facts}
    tags = [metric.name.tag for metric in summary.metric_infos]
    assert tags[:3] == ["score", "best_epoch", "pruned"]
    assert set(tags[3:]) == {"objective/val_accuracy", "objective/val_loss"}


def test_searches_of_one_objective_share_its_column(tmp_path: Path) -> None:
    for name in ("digits", "letters"):
        oracle = make_oracle(tmp_path / name, [PLAIN])
        logger = HParamsLogger(tmp_path / "logs")
        logger.on_search_begin(oracle, str(tmp_path / name / "digits"), name)
        end(oracle, logger, oracle.create_trial("tuner0"), {"val_accuracy": 0.5, name: 1.0})
    tags = [metric.name.tag for metric in experiment(tmp_path / "logs").metric_infos]
    assert tags == ["objective/val_accuracy", "best_epoch", "best/digits", "best/letters"]


def test_one_name_with_two_types_is_text(tmp_path: Path) -> None:
    hp = kt.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["a"]):
        hp.Int("size", 1, 5)
    with hp.conditional_scope("kind", ["b"]):
        hp.Choice("size", ["small", "large"])
    oracle = Oracle([], objective="val_loss", hyperparameters=hp)
    oracle._set_project_dir(str(tmp_path), "digits")
    begin(oracle, tmp_path)
    infos = {info.name: info for info in experiment(tmp_path / "logs").hparam_infos}
    assert infos["size"].type == api_pb2.DATA_TYPE_STRING
    assert infos["size"].WhichOneof("domain") is None


def test_values_first_met_while_building_are_in_the_row(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    callback = copy.deepcopy(logger.callback(trial, 0))
    trial.hyperparameters.Int("late", 1, 9, default=5)
    callback.on_train_begin()
    assert values(read(tmp_path / "logs")["digits/0000/execution0"])["late"] == 5
    assert "late" in {info.name for info in experiment(tmp_path / "logs").hparam_infos}


def test_second_fit_of_an_execution_goes_on_counting(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    callback = logger.callback(oracle.create_trial("tuner0"), 0)
    for _ in range(2):
        callback.on_train_begin()
        callback.on_epoch_end(0, {"loss": 1.0})
        callback.on_epoch_end(1, {"loss": 0.5})
        callback.on_train_end()
    runs = read(tmp_path / "logs")
    steps = [step for step, _ in runs["digits/0000/execution0/train"]["epoch_loss"]]
    assert steps == [0, 1, 2, 3]
    assert len(runs["digits/0000/execution0"]["session_start_info"]) == 1


def go_on(logger: HParamsLogger, trial: Any, scores: list[float], epoch: int) -> None:
    callback = logger.callback(trial, 0)
    callback.on_train_begin()
    for number, score in enumerate(scores, start=epoch):
        callback.on_epoch_end(number, {"loss": 1 - score, "val_accuracy": score})
    callback.on_train_end()


def test_a_promoted_trial_has_the_curves_of_those_it_goes_on_from(tmp_path: Path) -> None:
    proposals = [
        {**PLAIN, "tuner/epochs": 1, "tuner/initial_epoch": 0},
        {**PLAIN, "tuner/epochs": 3, "tuner/initial_epoch": 1, "tuner/trial_id": "0000"},
        {**PLAIN, "tuner/epochs": 4, "tuner/initial_epoch": 3, "tuner/trial_id": "0001"},
    ]
    oracle = make_oracle(tmp_path, proposals)
    logger = begin(oracle, tmp_path)
    for epoch, scores in ((0, [0.5]), (1, [0.75, 0.625]), (3, [0.875])):
        trial = oracle.create_trial("tuner0")
        go_on(logger, trial, scores, epoch)
        end(oracle, logger, trial, {"val_accuracy": max(scores)}, step=epoch)
    runs = read(tmp_path / "logs")
    curve = [(0, 0.5), (1, 0.75), (2, 0.625), (3, 0.875)]
    for name, length in (("0000", 1), ("0001", 3), ("0002", 4)):
        line = runs[f"digits/{name}/execution0/validation"]["epoch_accuracy"]
        assert line == curve[:length]
    row = runs["digits/0002/execution0"]
    assert row["objective/val_accuracy"] == [(0, 0.5), (1, 0.75), (2, 0.75), (3, 0.875)]
    assert row["epochs_trained"] == [(3, 1.0)]
    assert row_of(row)["search/parent"] == "0001"


def test_a_score_that_counts_the_epochs_of_both_trials(tmp_path: Path) -> None:
    proposals = [PLAIN, {**PLAIN, "tuner/initial_epoch": 1, "tuner/trial_id": "0000"}]
    oracle = make_oracle(tmp_path, proposals)
    logger = begin(oracle, tmp_path)
    for epoch, scores in ((0, [0.875]), (1, [0.5, 0.75])):
        trial = oracle.create_trial("tuner0")
        go_on(logger, trial, scores, epoch)
        end(oracle, logger, trial, {"val_accuracy": 0.875}, step=0)
    row = read(tmp_path / "logs")["digits/0001/execution0"]
    assert row["objective/val_accuracy"] == [(0, 0.875), (1, 0.875), (2, 0.875)]


def test_a_cut_trial_that_goes_on_keeps_the_epochs_before(oracle: Oracle, tmp_path: Path) -> None:
    trial = oracle.create_trial("tuner0")
    go_on(begin(oracle, tmp_path), trial, [0.5, 0.875, 0.25], 0)
    resumed = begin(oracle, tmp_path)  # from what was saved after two epochs
    go_on(resumed, trial, [0.75], 2)
    end(oracle, resumed, trial, {"val_accuracy": 0.875}, step=1)
    runs = read(tmp_path / "logs")
    row = runs["digits/0000/execution0-run2"]
    assert row["objective/val_accuracy"] == [(0, 0.5), (1, 0.875), (2, 0.875)]
    assert row["epochs_trained"] == [(1, 3.0)]
    line = runs["digits/0000/execution0-run2/validation"]["epoch_accuracy"]
    assert line == [(0, 0.5), (1, 0.875), (2, 0.75)]


def test_a_cut_trial_that_begins_anew_forgets_the_epochs_before(
    oracle: Oracle, tmp_path: Path
) -> None:
    trial = oracle.create_trial("tuner0")
    go_on(begin(oracle, tmp_path), trial, [0.5, 0.875], 0)
    resumed = begin(oracle, tmp_path)
    go_on(resumed, trial, [0.75], 0)
    end(oracle, resumed, trial, {"val_accuracy": 0.75})
    runs = read(tmp_path / "logs")
    assert runs["digits/0000/execution0-run2"]["objective/val_accuracy"] == [(0, 0.75)]
    assert runs["digits/0000/execution0-run2"]["epochs_trained"] == [(0, 1.0)]


def test_curves_that_a_kill_has_cut_in_the_middle_of_a_record(
    oracle: Oracle, tmp_path: Path
) -> None:
    trial = oracle.create_trial("tuner0")
    go_on(begin(oracle, tmp_path), trial, [0.5, 0.875], 0)
    (path,) = (tmp_path / "logs").glob("*/*/0000/execution0/validation/*")
    path.write_bytes(path.read_bytes()[:-9])
    resumed = begin(oracle, tmp_path)
    go_on(resumed, trial, [0.75], 2)
    line = read(tmp_path / "logs")["digits/0000/execution0-run2/validation"]["epoch_accuracy"]
    assert line == [(0, 0.5), (2, 0.75)]


def first_columns(log_dir: Path) -> list[str]:
    """The hyperparameters in the order in which TensorBoard shows them."""
    infos = experiment(log_dir).hparam_infos
    return [i.name for i in sorted(infos, key=lambda i: (not i.differs, i.name))]


def test_facts_fill_up_where_too_few_hyperparameters_are_in_every_trial(tmp_path: Path) -> None:
    hp = kt.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["a"]):
        hp.Int("amount", 1, 5)
    oracle = Oracle([{"kind": "a", "amount": 3}], objective="val_loss", hyperparameters=hp)
    oracle._set_project_dir(str(tmp_path), "digits")
    logger = begin(oracle, tmp_path)
    facts = ["active", "attempt", "trial", "worker"]
    expected = ["kind", *(f"search/{fact}" for fact in facts), "amount"]
    assert first_columns(tmp_path / "logs") == expected
    end(oracle, logger, oracle.create_trial("tuner0"), {"val_loss": 0.5})
    row = row_of(read(tmp_path / "logs")["digits/0000/execution0"])
    assert (row["search/active"], row["search/trial"], row["search/attempt"]) == ("amount", 0, 1)


def test_no_facts_where_every_trial_has_every_hyperparameter(tmp_path: Path) -> None:
    hp = kt.HyperParameters()
    hp.Int("units", 1, 5)
    oracle = Oracle([], objective="val_loss", hyperparameters=hp)
    oracle._set_project_dir(str(tmp_path), "digits")
    begin(oracle, tmp_path)
    assert first_columns(tmp_path / "logs") == ["units"]


def test_what_is_declared_after_a_trial_has_begun_is_not_shown_first(
    oracle: Oracle, tmp_path: Path
) -> None:
    """The rows before it are blank there, and the parallel view would lose their lines."""
    logger = begin(oracle, tmp_path)
    for number in range(2):
        trial = oracle.create_trial("tuner0")
        trial.hyperparameters.Int(f"a{number}", 1, 9)
        end(oracle, logger, trial, {"val_accuracy": 0.5, f"metric{number}": 1.0})
    columns = first_columns(tmp_path / "logs")
    assert columns[0] == "a0"
    assert columns.index("a1") > 5
    tags = [metric.name.tag for metric in experiment(tmp_path / "logs").metric_infos]
    assert tags.index("best/metric0") == 1
    assert tags[-1] == "best/metric1"


def test_several_objectives(tmp_path: Path) -> None:
    objectives = [kt.Objective("val_loss", "min"), kt.Objective("val_accuracy", "max")]
    oracle = make_oracle(tmp_path, [PLAIN], objective=objectives)
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    callback = logger.callback(trial, 0)
    callback.on_train_begin()
    callback.on_epoch_end(0, {"val_loss": 0.5, "val_accuracy": 0.75})
    callback.on_train_end()
    metrics = {"val_loss": 0.5, "val_accuracy": 0.75, "multi_objective": -0.25}
    end(oracle, logger, trial, metrics)
    row = read(tmp_path / "logs")["digits/0000/execution0"]
    assert row["objective/multi_objective"] == [(0, -0.25)]
    assert row["objective/val_loss"] == [(0, 0.5)]
    assert row["objective/val_accuracy"] == [(0, 0.75)]
    metrics = experiment(tmp_path / "logs").metric_infos
    titles = {metric.name.tag: metric.display_name for metric in metrics}
    assert [tag for tag in titles if tag.startswith("objective/")] == list(titles)[:3] == [
        "objective/val_loss", "objective/val_accuracy", "objective/multi_objective",
    ]  # fmt: skip
    assert titles["objective/val_accuracy"] == "val_accuracy (max)"
    assert not [tag for tag in titles if tag.startswith("best/")]


def test_objective_left_out(tmp_path: Path) -> None:
    oracle = make_oracle(tmp_path, [PLAIN], objective=None)
    logger = begin(oracle, tmp_path)
    end(oracle, logger, oracle.create_trial("tuner0"), {"default_objective": 3.5})
    row = read(tmp_path / "logs")["digits/0000/execution0"]
    assert row["objective/default_objective"] == [(0, 3.5)]


def test_two_workers_share_a_search(oracle: Oracle, tmp_path: Path) -> None:
    class Client:
        """What a worker sees of the oracle: no table of trials."""

        objective = oracle.objective
        get_space = staticmethod(oracle.get_space)

    workers = [HParamsLogger(tmp_path / "logs") for _ in range(2)]
    for worker in workers:
        worker.on_search_begin(Client(), str(tmp_path / "digits"), "digits")
    for number, worker in enumerate(workers):
        trial = oracle.create_trial(f"tuner{number}")
        end(oracle, worker, trial, {"val_accuracy": 0.5, f"metric{number}": 1.0})
    assert len(os.listdir(tmp_path / "logs" / "digits")) == 1
    tags = {metric.name.tag for metric in experiment(tmp_path / "logs").metric_infos}
    assert {"best/metric0", "best/metric1"} <= tags


def test_callback_opens_nothing_before_training(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    before = sorted(os.walk(tmp_path / "logs"))
    copy.deepcopy(logger.callback(oracle.create_trial("tuner0"), 0))
    assert sorted(os.walk(tmp_path / "logs")) == before


def test_lost_disk_warns_and_the_search_goes_on(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    shutil.rmtree(tmp_path / "logs")
    (tmp_path / "logs").touch()
    trial = oracle.create_trial("tuner0")
    with pytest.warns(RuntimeWarning, match="The search goes on"):
        train(logger, trial, [0.5])
    end(oracle, None, trial, {"val_accuracy": 0.5})
    with pytest.warns(RuntimeWarning, match="The search goes on"):
        logger.on_trial_end(oracle.get_trial(trial.trial_id))


def test_remote_folder_is_refused() -> None:
    with pytest.raises(ValueError, match=r"local folder.*gs://bucket/logs"):
        HParamsLogger("gs://bucket/logs")


def test_order_of_calls_is_explained() -> None:
    trial = kt.engine.trial.Trial(space(), trial_id="0")
    with pytest.raises(RuntimeError, match="on_search_begin"):
        HParamsLogger("logs").callback(trial, 0)


def test_odd_project_names_stay_below_the_log_folder(tmp_path: Path) -> None:
    oracle = make_oracle(tmp_path, [])
    logger = HParamsLogger(tmp_path / "logs")
    logger.on_search_begin(oracle, str(tmp_path / "digits"), "../up and/away")
    assert set(os.listdir(tmp_path)) == {"digits", "logs"}


def test_logger_survives_pickling_before_the_search(tmp_path: Path) -> None:
    logger = pickle.loads(pickle.dumps(HParamsLogger(tmp_path / "logs")))
    oracle = make_oracle(tmp_path, [PLAIN])
    logger.on_search_begin(oracle, str(tmp_path / "digits"), "digits")
    assert experiment(tmp_path / "logs").metric_infos


def summary_of(tmp_path: Path) -> dict[str, Any]:
    """What the last call has written: a text by its tag, a picture's width and first bytes."""
    (folder,) = (tmp_path / "logs").glob("*/*/summary")
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                strings = list(value.tensor.string_val)
                kind = value.metadata.plugin_data.plugin_name
                content = strings[0].decode() if kind == "text" else (strings[0], strings[2][:4])
                found[value.tag] = (event.step, kind, content)
    return found


def test_the_search_is_summed_up(oracle: Oracle, tmp_path: Path) -> None:
    logger = begin(oracle, tmp_path)
    trials = [oracle.create_trial(f"tuner{i}") for i in range(3)]
    trials[1].message = "Pruned: the median is better."
    trials[2].message = "Traceback\n  ...\nValueError: <b>no | good</b>"
    for trial, score in zip(trials[:2], (0.5, 0.75), strict=True):
        train(logger, trial, [score])
        end(oracle, logger, trial, {"val_accuracy": score})
    end(oracle, logger, trials[2], status="FAILED")
    logger.on_search_end()
    step, kind, text = summary_of(tmp_path)["search"]
    assert (step, kind) == (3, "text")
    assert "3 trials: 1 completed, 1 failed, 1 pruned." in text
    assert "| 0000 | 0.5 | 16 | 0.01 | plain |" in text
    assert "0.75 |" not in text  # a pruned trial is no match for one that ran to its end
    assert "| 0002 | ValueError: \\<b\\>no \\| good\\</b\\> |" in text
    assert summary_of(tmp_path)["history"] == (3, "images", (b"770", b"\x89PNG"))


def test_all_figures_that_tell_something_are_among_the_images(
    oracle: Oracle, tmp_path: Path
) -> None:
    logger = begin(oracle, tmp_path)
    for score in (0.5, 0.75):
        end(oracle, logger, oracle.create_trial("tuner0"), {"val_accuracy": score})
    logger.on_search_end()
    found = {tag: kind for tag, (_, kind, _) in summary_of(tmp_path).items()}
    images = ["history", "parallel", "slices"]
    assert found == {"search": "text", **dict.fromkeys(images, "images")}


def test_names_that_look_like_formulas_are_drawn(tmp_path: Path) -> None:
    hp = kt.HyperParameters()
    hp.Choice("$x_$", ["$a^$", "b"])
    proposals = [{"$x_$": value} for value in ("$a^$", "b")]
    oracle = Oracle(proposals, objective=kt.Objective("$y", "min"), hyperparameters=hp)
    oracle._set_project_dir(str(tmp_path), "digits")
    logger = begin(oracle, tmp_path)
    for score in (0.5, 0.75):
        end(oracle, logger, oracle.create_trial("tuner0"), {"$y": score})
    logger.on_search_end()
    assert {"history", "parallel", "slices"} <= set(summary_of(tmp_path))


def test_a_figure_that_cannot_be_drawn_ends_no_search(
    oracle: Oracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(search: SearchView) -> Any:
        raise ValueError("on purpose")

    broken = [kind._replace(draw=fail) for kind in kinds._KINDS[:1]]
    monkeypatch.setattr(kinds, "_KINDS", broken)
    logger = begin(oracle, tmp_path)
    end(oracle, logger, oracle.create_trial("tuner0"), {"val_accuracy": 0.5})
    with pytest.warns(RuntimeWarning, match="'history' could not be drawn.*on purpose"):
        logger.on_search_end()
    assert set(summary_of(tmp_path)) == {"search"}


def test_a_worker_sums_nothing_up(oracle: Oracle, tmp_path: Path) -> None:
    class Client:
        objective, get_space = oracle.objective, oracle.get_space

    logger = HParamsLogger(tmp_path / "logs")
    logger.on_search_begin(Client(), str(tmp_path / "digits"), "digits")
    logger.on_search_end()
    assert not list((tmp_path / "logs").glob("*/*/summary"))


def test_of_several_objectives_the_best_is_a_compromise() -> None:
    """Not the trial with the least sum, which is that of one objective with large numbers."""
    both = [(0.0, 1000.0), (0.9, 1.0), (0.1, 100.0)]
    trials = [
        trial_view(i, status="COMPLETED", score=sum(scores), scores=list(scores))
        for i, scores in enumerate(both)
    ]
    objectives = [("loss", "min"), ("size", "min")]
    text = markdown(SearchView("p", "", "multi_objective", "min", objectives, [], trials))
    assert "Trial 02: loss 0.1 (min), size 100 (min)" in text
    assert "| trial | loss | size |" in text
