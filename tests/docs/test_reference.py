"""The reference has an entry for each public name."""

import importlib
import operator
import re

import pytest

import kt_extensions as kte
from tests.docs.pages import ROOT

REFERENCE = sorted((ROOT / "docs" / "reference").glob("*.md"))
ENTRIES = {
    entry
    for page in REFERENCE
    for entry in re.findall(r"^::: kt_extensions\.(\S+)$", page.read_text(), re.MULTILINE)
}
MODULES = [
    *(name for name in kte.__all__ if hasattr(getattr(kte, name), "__path__")),
    "cli",
    "html_report",
    "parallel",
    "testing",
]


def find(name):
    """Returns what an entry is of: an attribute of the package, or of one of its modules."""
    module, _, rest = name.rpartition(".")
    found = importlib.import_module(f"kt_extensions.{module}") if module else kte
    return operator.attrgetter(rest)(found)


def test_entries_exist():
    assert all(find(entry) is not None for entry in ENTRIES)


def test_names_of_the_package_have_entries():
    names = {name for name in kte.__all__ if not hasattr(getattr(kte, name), "__spec__")}
    assert {"TPE", "describe"} <= names
    assert names - ENTRIES == set()


@pytest.mark.parametrize("module", MODULES)
def test_names_of_a_module_have_entries(module):
    public = importlib.import_module(f"kt_extensions.{module}")
    described = [find(entry) for entry in ENTRIES]
    names = [f"{module}.{name}" for name in public.__all__]
    assert names
    missing = [name for name in names if name not in ENTRIES]
    assert [name for name in missing if not any(find(name) is other for other in described)] == []


@pytest.mark.parametrize("module", ["schedules", "optimizers"])
def test_functions_and_classes_of_a_module_without_a_list_have_entries(module):
    public = getattr(kte, module)
    names = {
        f"{module}.{name}"
        for name, value in vars(public).items()
        if getattr(value, "__module__", "") == public.__name__ and not name.startswith("_")
    }
    assert names - ENTRIES <= {"schedules.check"}
