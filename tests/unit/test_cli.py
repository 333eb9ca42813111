"""The command line: what it prints and writes, and how it tells of errors."""

import json
import math
import subprocess
import sys
from pathlib import Path

import hypothesis
import keras_tuner as kt
import pytest
from hypothesis import strategies as st

import kt_extensions as kte
from kt_extensions.cli import main
from kt_extensions.cli.toml import document
from kt_extensions.reports import Message

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = Path(__file__).parents[2] / "docs" / "command_line.md"
COMMANDS = ("report", "best", "space", "export", "hparams", "mlflow")


class Search(kte.TPE):
    """Five trials with awkward names and values; the third fails, the last is the best."""

    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        hp.Int("layers/units 1", 1, 9)
        hp.Choice("kernel", ['"a" = \\b', "<script>\n"])
        hp.Float("rate", 1e-6, 1e-5, sampling="log")
        hp.Boolean("bias")
        number = int(trial.trial_id)
        if number == 2:
            raise kt.errors.FailedTrialError("no such luck")
        self.report_epoch(trial, 0, Message(0, 1, {"gain": number}))
        return {"gain": float(number)}


class Hopeless(kte.TPE):
    def run_trial(self, trial, *args, **kwargs):
        trial.hyperparameters.Int("units", 1, 9)
        raise kt.errors.FailedTrialError("no such luck")


def searched(kind, folder, **settings):
    tuner = kind(
        objective=kt.Objective("gain", "max"),
        max_trials=5,
        seed=0,
        directory=folder,
        project_name="example",
        **settings,
    )
    tuner.search(verbose=0)
    return tuner


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    return searched(Search, tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="module")
def project(tuner):
    return tuner.project_dir


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hopeless")
    with pytest.warns(RuntimeWarning, match="All 5 trials of the search have failed"):
        return searched(Hopeless, folder, max_consecutive_failed_trials=9).project_dir


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


# What is printed


def test_best_prints_the_best_trial(project, tuner, capsys):
    assert main(["best", project]) == 0
    head, scores, values = capsys.readouterr().out.rstrip("\n").split("\n\n")
    assert head == "example: trial 4, the best of 5"
    assert scores.split() == ["gain", "(max)", "4.0"]
    rate = tuner.get_best_hyperparameters()[0]["rate"]
    assert f"  rate            {rate}" in values.splitlines()


def test_best_of_several_objectives_is_the_tuners(tmp_path, capsys):
    class Two(kte.TPE):
        def run_trial(self, trial, *args, **kwargs):
            x = trial.hyperparameters.Float("x", 0, 1)
            loss, size = x**2, (1 - x) ** 2
            return {"loss": loss, "size": size, "multi_objective": loss + size}

    objectives = [kt.Objective("loss", "min"), kt.Objective("size", "min")]
    two = Two(objective=objectives, max_trials=8, directory=tmp_path, project_name="two", seed=0)
    two.search(verbose=0)
    assert main(["best", str(tmp_path / "two")]) == 0
    printed = capsys.readouterr().out
    best = two.oracle.get_best_trials()[0]
    assert f"trial {best.trial_id}, the best compromise of 8" in printed
    assert f"  x  {best.hyperparameters['x']}" in printed


def test_pruned_trials_are_not_the_best(tmp_path, capsys):
    class Pruned(kte.TPE):
        def run_trial(self, trial, *args, **kwargs):
            trial.hyperparameters.Float("x", 0, 1)
            self.report_epoch(trial, 0, Message(0, 9, {"gain": 0.5}))
            if trial.trial_id == "1":
                self.oracle.reports.prune("1", "too slow")
                trial.message = "Pruned: too slow."
            return {"gain": float(trial.trial_id == "1")}

    tuner = searched(Pruned, tmp_path)
    [best] = tuner.get_best_trials()
    assert main(["best", tuner.project_dir]) == 0
    assert f"trial {best.trial_id}," in capsys.readouterr().out


def test_space_prints_the_description(project, capsys):
    assert main(["space", project]) == 0
    printed = capsys.readouterr().out
    assert "layers/units 1   integer, 1 to 9" in printed
    assert "budget           5 trials" in printed


def test_control_characters_do_not_reach_the_terminal(tmp_path, capsys):
    class Rude(kt.RandomSearch):
        def run_trial(self, trial, *args, **kwargs):
            trial.hyperparameters.Fixed("title\x1b]0;", "\x1b[2J")
            return {"gain": 1.0}

    searched(Rude, tmp_path)
    for command in ("best", "space"):
        assert main([command, str(tmp_path / "example")]) == 0
        printed = capsys.readouterr().out
        assert "title\\x1b]0;" in printed
        assert "\x1b" not in printed


# What is written


def test_toml_has_the_values_of_the_best_trial(project, tuner, tmp_path):
    file = tmp_path / "best.toml"
    assert main(["best", project, "--toml", str(file)]) == 0
    read = tomllib.loads(file.read_text())
    best = tuner.get_best_hyperparameters()[0]
    assert read["values"] == best.values
    assert {name: type(value) for name, value in read["values"].items()} == {
        name: type(value) for name, value in best.values.items()
    }
    about = {"project": "example", "trial_id": "4", "objective": "gain", "score": 4.0}
    assert read["trial"] == about


names = st.text(st.characters(exclude_categories=("Cs",)))
values = st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), names)


@hypothesis.given(st.dictionaries(names, values | st.lists(values)))
@hypothesis.example({"layers/units 1": 1e-05, "": "\x7f\x00\u2028", "big": 1e22, "low": -math.inf})
def test_toml_is_read_back_to_the_same(entries):
    read = tomllib.loads(document({"values": entries}))["values"]
    assert repr(read) == repr(entries)  # tells 1 from 1.0, 0.0 from -0.0


def test_toml_keeps_nan():
    assert math.isnan(tomllib.loads(document({"trial": {"score": math.nan}}))["trial"]["score"])


def test_toml_has_no_null():
    with pytest.raises(ValueError, match=r"TOML has.*Received: None.*--json"):
        document({"values": {"units": None}})


def test_export_writes_the_tuners_results(project, tuner, tmp_path, capsys):
    table, everything = tmp_path / "t.csv", tmp_path / "t.json"
    assert main(["export", project, "--csv", str(table), "--json", str(everything)]) == 0
    assert capsys.readouterr().out == f"Wrote {table}.\nWrote {everything}.\n"
    tuner.results().to_csv(tmp_path / "expected.csv")
    tuner.results().to_json(tmp_path / "expected.json")
    assert table.read_text() == (tmp_path / "expected.csv").read_text()
    assert everything.read_text() == (tmp_path / "expected.json").read_text()
    read = json.loads(everything.read_text())
    assert [trial["status"] for trial in read].count("FAILED") == 1
    assert read[4]["history"] == [{"epoch": [0], "gain": [4.0]}]


def test_report_writes_a_page(project, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["report", project]) == 0
    assert capsys.readouterr().out == "Wrote report.html.\n"
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>\n<html")


def test_hparams_writes_a_row_for_each_trial(project, tmp_path, capsys):
    logs = tmp_path / "logs"
    assert main(["hparams", project, str(logs)]) == 0
    assert capsys.readouterr().out == f"Wrote 5 trials to {logs}.\n"
    rows = [path.parent.name for path in sorted(logs.glob("example/*/?/execution0"))]
    assert rows == ["0", "1", "2", "3", "4"]
    assert main(["hparams", project, str(logs)]) == 0
    assert len(list(logs.glob("example/*/?/execution0"))) == 5


# The page of the documentation


def test_commands_of_the_page_run(project, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    block = PAGE.read_text().split("```\n")[1]
    lines = [line.replace("results/digits", project).split() for line in block.splitlines()]
    assert [line[:2] for line in lines] == [["kt-extensions", name] for name in COMMANDS]
    assert [main(line[1:]) for line in lines] == [0] * len(COMMANDS)
    files = {"report.html", "best.toml", "results.csv", "results.json", "logs"}
    files |= {"mlflow.db", "mlruns"}  # the store, and its artifacts
    assert {path.name for path in tmp_path.iterdir()} == files


def test_values_of_the_toml_file_build_the_model(project, tuner, tmp_path):
    assert main(["best", project, "--toml", str(tmp_path / "best.toml")]) == 0
    hp = kt.HyperParameters()
    hp.values = tomllib.loads((tmp_path / "best.toml").read_text())["values"]
    best = tuner.get_best_hyperparameters()[0]
    assert hp.Int("layers/units 1", 1, 9) == best["layers/units 1"]
    assert hp.Float("rate", 1e-6, 1e-5, sampling="log") == best["rate"]


# Errors


def told(capsys):
    """Returns the one line on stderr."""
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1 and printed.err.endswith("\n")
    return printed.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_folder_is_told_in_one_line(command, tmp_path, capsys):
    files = {"export": ["--csv", str(tmp_path / "t.csv")], "hparams": [str(tmp_path / "logs")]}
    options = files.get(command, [])
    assert main([command, str(tmp_path / "none"), *options]) == 1
    message = told(capsys)
    assert message.startswith("kt-extensions: error: Expected a KerasTuner project folder")
    assert "none" in message
    assert list(tmp_path.iterdir()) == []


def test_a_search_without_a_completed_trial_has_no_best(hopeless, capsys, tmp_path):
    assert main(["best", hopeless, "--toml", str(tmp_path / "best.toml")]) == 1
    message = told(capsys)
    assert "Expected a search with a completed trial" in message
    assert "5 failed" in message
    assert not (tmp_path / "best.toml").exists()


def test_a_search_without_a_completed_trial_has_a_report(hopeless, tmp_path):
    assert main(["report", hopeless, "-o", str(tmp_path / "report.html")]) == 0
    assert "no such luck" in (tmp_path / "report.html").read_text()


def test_a_file_that_cannot_be_written_is_told(project, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["export", project, "--csv", str(tmp_path / "file" / "t.csv")]) == 1
    assert "Not a directory" in told(capsys)


def test_missing_matplotlib_is_told(project, tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "kt_extensions.plots.shown", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["report", project, "-o", str(tmp_path / "report.html")]) == 1
    assert 'pip install "kt-extensions[plots]"' in told(capsys)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.filterwarnings("default::UserWarning")
def test_a_damaged_trial_is_told_and_left_out(tmp_path, capsys):
    project = searched(Search, tmp_path).project_dir
    (tmp_path / "example" / "trial_4" / "trial.json").write_text("{")
    capsys.readouterr()
    assert main(["best", project]) == 0
    printed = capsys.readouterr()
    assert "trial 3, the best of 4" in printed.out
    assert printed.err.startswith("kt-extensions: warning: ")
    assert "trial_4" in printed.err and printed.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["best"], ["unknown"], ["export", "project"], ["best", "project", "--yaml", "f"]],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: kt-extensions")


@pytest.mark.parametrize("arguments", [["report", "-o"], ["best", "--toml"], ["export", "--csv"]])
def test_a_folder_is_no_file_to_write(arguments, project, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([arguments[0], project, arguments[1], str(tmp_path)])
    assert stopped.value.code == 2
    assert f"expected a file. Received: '{tmp_path}', which is a folder" in capsys.readouterr().err


def test_a_table_and_json_are_two_files(project, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["export", project, "--csv", "results", "--json", str(tmp_path / "results")])
    assert stopped.value.code == 2
    assert "one file for --csv and another for --json" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_closed_standard_output_is_no_error(project, monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert main(["best", project]) == 0


def test_a_reader_that_stops_reading_is_no_error(project):
    command = [sys.executable, "-m", "kt_extensions.cli", "space", project]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1


# Help


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    name = " ".join(["kt-extensions", *(command or ["report"])])
    assert f"example:\n  {name} results/digits" in printed
    assert all(len(line) <= 100 for line in printed.splitlines())


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"kt-extensions {kte.__version__}\n"


def test_help_imports_nothing_that_is_slow():
    code = (
        "import sys; from kt_extensions.cli.main import _parser; _parser().format_help();"
        "print({'keras', 'keras_tuner', 'matplotlib', 'numpy', 'rich', 'scipy', 'tensorflow'}"
        " & {*sys.modules})"
    )
    assert python("-c", code).stdout == "set()\n"


@pytest.mark.parametrize("command", ["report", "best", "space", "export"])
def test_a_project_is_read_without_keras(command, project, tmp_path):
    """Keras and KerasTuner take seconds to import."""
    file = {"report": ["-o"], "export": ["--json"]}.get(command)
    arguments = [command, project, *([*file, str(tmp_path / "file")] if file else [])]
    code = (
        "import sys; from kt_extensions.cli import main;"
        f"print(main({arguments}), {{'keras', 'keras_tuner', 'tensorflow'}} & {{*sys.modules}})"
    )
    assert python("-c", code).stdout.endswith("0 set()\n")


def test_module_runs_as_a_program(project):
    done = python("-m", "kt_extensions.cli", "best", project)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("example: trial 4, the best of 5\n")
