"""What is imported when, each time in a process of its own."""

import subprocess
import sys

import pytest

import kt_extensions as kte

SLOW = {"keras", "keras_tuner", "tensorflow", "jax", "torch", "tensorboard", "sklearn", "skopt"}
OPTIONAL = {"matplotlib", "mlflow", "ray", "IPython", "pandas"}


def imported(code: str) -> set[str]:
    """Returns the packages that a program imports."""
    program = f"import sys\n{code}\nprint(*{{m.partition('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "names",
    ["", ".samplers", ".schedulers", ".pruners", ".space", ".history", ".schedules", ".searches"],
)
def test_modules_that_need_no_keras(names: str) -> None:
    found = imported(f"import kt_extensions{names}")
    assert not found & (SLOW | OPTIONAL)
    if not names:
        assert not found & {"numpy", "scipy", "rich", "cloudpickle", "filelock"}


@pytest.mark.parametrize("names", ["plots", "html_report", "standing", "description"])
def test_what_looks_at_a_search_needs_no_keras(names: str) -> None:
    assert not imported(f"import kt_extensions.{names}") & (SLOW | OPTIONAL)


def test_a_tuner_needs_no_optional_package_and_leaves_the_filters_of_warnings_alone() -> None:
    """Some packages are imported by KerasTuner itself; scikit-learn sets filters of its own."""
    found = imported(
        "import warnings, keras_tuner; before = {*sys.modules}\n"
        "import sklearn.linear_model; filters = [*warnings.filters]\n"
        "import kt_extensions as kte; kte.TPE; kte.hparams; kte.builders\n"
        "assert warnings.filters == filters, {*warnings.filters} - {*filters}\n"
        "for name in before: del sys.modules[name]"
    )
    assert "kt_extensions" in found and not found & (OPTIONAL | {"skopt", "tensorboard"})


def test_star_brings_the_public_names_only() -> None:
    names: dict[str, object] = {}
    exec("from kt_extensions import *", names)
    del names["__builtins__"]
    assert sorted(names) == sorted(kte.__all__)
    assert {*kte.__all__} <= {*dir(kte)}
