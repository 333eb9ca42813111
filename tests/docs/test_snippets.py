"""The programs of every page run as they stand, and print what the page says."""

import operator
import re
import shlex
import sys
from collections import Counter

import keras
import pytest

import kt_extensions as kte
from kt_extensions.cli.main import _parser
from tests.docs.expectations import EXPECTED, PREPARED, Outcome
from tests.docs.pages import PAGES, ROOT, blocks, compiled, module_name, programs, run_pytest, shown
from tests.docs.shortened import SHORTENED

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# What cannot run on any machine. Each reason stands in the page, too, above the program.
NOT_RUN = {
    ("docs/chief_and_workers.md", "one program of a chief and its workers"): 1,
    ("docs/clusters.md", "needs a Ray cluster"): 1,
    ("docs/distribution.md", "needs two GPUs"): 1,
    ("docs/parallel.md", "needs a Ray cluster"): 1,
    ("docs/tutorials/a_cluster.md", "needs a Ray cluster"): 1,
}
# Their programs start others, none of which trains: without TensorFlow they start sooner.
TRAINING_NOTHING = {
    "docs/tutorials/a_cluster.md",
    "docs/writing_a_pruner.md",
    "docs/writing_a_sampler.md",
}
ALL_BLOCKS = [(page, block) for page, path in PAGES.items() for block in blocks(path)]
RUN = [page for page, path in PAGES.items() if programs(path)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, which the programs run in and find their modules in."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in {path.stem for path in tmp_path.glob("*.py")} - before:
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def settings():
    """Puts back what a program sets for its whole process."""
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


def shortened(page, text):
    for long, short in SHORTENED.get(page, {}).items():
        text = text.replace(long, short)
    return text


def check_trials(names):
    """KerasTuner goes on after a trial has failed: a page's program would seem to work."""
    oracle = getattr(names.get("tuner"), "oracle", None)
    messages = (
        [t.message for t in oracle.trials.values() if t.status != "COMPLETED"] if oracle else []
    )
    assert messages == []


def is_printed(words, printed):
    return re.search(rf"(?<!\S){re.escape(words)}(?!\S)", printed) is not None


def run_block(block, page, names, folder, capsys):
    """Runs a program and checks what it prints. Returns that."""
    block = block._replace(text=shortened(page, block.text))
    if name := module_name(block.text):
        (folder / f"{name}.py").write_text(block.text)
    exec(compiled(block, PAGES[page]), names)
    check_trials(names)
    printed = capsys.readouterr().out
    assert block.output in (None, printed)
    assert [line for line in shown(block.text) if not is_printed(line, printed)] == []
    return printed


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="pages are for TensorFlow")
@pytest.mark.filterwarnings("ignore::ResourceWarning:mlflow")
@pytest.mark.parametrize("page", RUN)
def test_programs_do_what_the_page_says(page, folder, capsys, monkeypatch):
    names = {"__name__": "page"}
    if page in TRAINING_NOTHING:
        monkeypatch.setenv("KERAS_BACKEND", "numpy")
    PREPARED.get(page, lambda folder: None)(folder)
    passed, printed = 0, []
    for block in programs(PAGES[page]):
        printed.append(run_block(block, page, names, folder, capsys))
        if "\nclass Test" in block.text:
            passed += run_pytest(folder, block.text)
    assert printed, "no program ran"
    outcome = Outcome(names, folder, passed)
    EXPECTED.get(page, lambda outcome: None)(outcome)


def test_every_page_that_something_is_expected_of_exists():
    assert set(EXPECTED) | set(SHORTENED) | TRAINING_NOTHING <= set(RUN)


@pytest.mark.parametrize("page", SHORTENED)
def test_what_is_shortened_stands_in_the_page(page):
    text = "".join(block.text for block in programs(PAGES[page]))
    assert [long for long in SHORTENED[page] if long not in text] == []


def test_programs_that_are_not_run_are_known():
    reasons = [(page, block.reason) for page, block in ALL_BLOCKS if block.reason is not None]
    assert Counter(reasons) == NOT_RUN


def test_programs_that_are_not_run_are_python():
    left_out = [(page, block) for page, block in ALL_BLOCKS if block.reason is not None]
    assert all(block.kind == "python" for _, block in left_out)
    assert all(compiled(block, PAGES[page]) for page, block in left_out)


@pytest.mark.parametrize("page", PAGES)
def test_names_of_the_package_exist(page):
    names = {
        name.strip(".") for name in re.findall(r"\bkte\.([A-Za-z_.]+)", PAGES[page].read_text())
    }
    assert all(operator.attrgetter(name)(kte) is not None for name in names)


def commands(program):
    """Returns the arguments of each call of a program that a page shows in a block."""
    lines = [
        (page, line.strip().removeprefix("$ "))
        for page, block in ALL_BLOCKS
        if block.kind in ("", "console", "bash")
        for line in block.text.replace("\\\n", " ").splitlines()
    ]
    calls = [
        (page, shlex.split(line, comments=True)) for page, line in lines if line.startswith(program)
    ]
    return [(page, call[1:]) for page, call in calls if call[0] == program]


def test_commands_are_those_of_the_command_line():
    calls = commands("kt-extensions")
    assert len(calls) >= 7
    for _, arguments in calls:
        assert callable(_parser().parse_args(arguments).run)


def test_extras_and_targets_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    pages = "".join(path.read_text() for path in PAGES.values())
    named = {
        extra
        for list in re.findall(r"kt-extensions\[([\w,]+)\]", pages)
        for extra in list.split(",")
    }
    assert {"cpu", "ray"} <= named <= set(extras)
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo"} <= {arguments[0] for _, arguments in commands("make")} <= targets
