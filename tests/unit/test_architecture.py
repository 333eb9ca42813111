"""What the parts of the package may import, unpickle and open, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

OPTIONAL = {"IPython", "jax", "matplotlib", "mlflow", "pandas", "ray", "tensorflow", "torch"}
"""Of extras, or of one backend: imported where they are used."""

DIRECTION = [{"space"}, {"history"}, {"samplers", "schedulers"}, {"oracles"}, {"tuners"}]
"""Each part may import those before it."""

WITHOUT_KERAS = ["space", "history", "samplers", "schedulers", "pruners"]

UNPICKLE = {"load", "loads", "Unpickler"}
EVALUATE = {"eval", "exec", "__import__", "system", "popen", "unsafe_load", "full_load"}
LISTEN = {
    *("listen", "create_server", "start_server", "add_insecure_port", "add_secure_port"),
    *("HTTPServer", "ThreadingHTTPServer", "TCPServer", "Listener", "BaseManager", "Manager"),
}


def source_files() -> dict[str, Path]:
    """Returns the files of the package by the names of their modules."""
    files = {}
    for folder, package in ((ROOT / "kt_extensions", ()), (ROOT / "builders", ("builders",))):
        for file in sorted(folder.rglob("*.py")):
            parts = ("kt_extensions", *package, *file.relative_to(folder).with_suffix("").parts)
            files[".".join(part for part in parts if part != "__init__")] = file
    return files


FILES = source_files()
TREES = {name: ast.parse(file.read_text()) for name, file in FILES.items()}


def nodes(tree: ast.AST, *, at_import: bool) -> Iterator[ast.AST]:
    """Yields what is in a file but for type hints; `at_import` only what an import runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        if not (at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from nodes(node, at_import=at_import)


def imports(module: str, *, at_import: bool = False) -> set[str]:
    """Returns the full names of the modules that a module imports."""
    found = set()
    for node in nodes(TREES[module], at_import=at_import):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = [node.module or ""]
            if node.level:
                inside = FILES[module].name == "__init__.py"
                package = module.split(".")[: None if inside else -1]
                base = [*package[: len(package) - node.level + 1], *filter(None, [node.module])]
            names = {".".join([*base, alias.name]) for alias in node.names}
            found |= {name if name in TREES else name.rpartition(".")[0] for name in names}
    return found


def part_of(module: str) -> str:
    """Returns the file or folder right below the package that a module is, or is in."""
    return [*module.split("."), ""][1]


def parts() -> dict[str, set[str]]:
    """Returns for each part of the package those that it imports when it is imported itself."""
    found: dict[str, set[str]] = {}
    for module in TREES:
        own = {name for name in imports(module, at_import=True) if name in TREES}
        found.setdefault(part_of(module), set()).update(map(part_of, own))
    return {part: needed - {part, ""} for part, needed in found.items() if part}


def all_needed(modules: set[str]) -> set[str]:
    """Returns all modules, of others too, that some modules import, be it in a function."""
    needed: set[str] = set()
    while modules:
        needed |= modules
        ours = {module for module in modules if module in TREES}
        modules = {name for module in ours for name in imports(module)} - needed
    return needed


def calls(module: str) -> set[tuple[str, str]]:
    """Returns what a module calls: the name, and of an attribute what it is one of."""
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.add((ast.unparse(node.func.value), node.func.attr))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.add(("", node.func.id))
    return found


def callers(names: set[str], *owners: str) -> set[str]:
    """Returns the modules that call one of some functions, of some owners or of any."""
    return {
        module
        for module in TREES
        if any(name in names and (not owners or of in owners) for of, name in calls(module))
    }


def test_imports_of_the_algorithm_point_one_way():
    needed = parts()
    for place, group in enumerate(DIRECTION):
        later = set().union(*DIRECTION[place:])
        for part in group:
            assert not needed[part] & later, part


def test_no_two_parts_import_each_other():
    left = parts()
    while left:
        ready = [part for part, needed in left.items() if not needed & left.keys()]
        assert ready, f"a circle among {sorted(left)}"
        for part in ready:
            del left[part]


@pytest.mark.parametrize("part", WITHOUT_KERAS)
def test_algorithms_need_neither_keras_nor_keras_tuner(part: str):
    modules = {module for module in TREES if part_of(module) == part}
    packages = {name.partition(".")[0] for name in all_needed(modules)}
    assert modules and not packages & {"keras", "keras_tuner", "tensorboard", *OPTIONAL}


def test_what_may_be_missing_is_imported_where_it_is_used():
    found = set()
    for module in TREES:
        packages = {name.partition(".")[0] for name in imports(module, at_import=True)}
        found |= {module} if packages & OPTIONAL else set()
    assert found == {"kt_extensions.plots.shown"}  # a subclass, itself imported where it is used


def test_only_processes_that_work_together_unpickle_what_they_say():
    found = callers(UNPICKLE, "pickle", "cloudpickle")
    assert {part_of(module) for module in found} == {"isolation", "parallel", "testing"}
    imported = {module for module in TREES if imports(module) & {"marshal", "shelve", "joblib"}}
    assert not imported


def test_arrays_are_read_without_pickle():
    [module] = callers({"load"}, "np", "numpy")
    loads = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)]
    [load] = [node for node in loads if ast.unparse(node.func) == "np.load"]
    assert module == "kt_extensions.snapshot.files"
    assert "allow_pickle=False" in ast.unparse(load)


def test_nothing_is_evaluated():
    assert not callers(EVALUATE)
    shells = [module for module, tree in TREES.items() if "shell=True" in ast.unparse(tree)]
    assert not shells


def test_only_a_chief_listens():
    assert callers(LISTEN) == {"kt_extensions.chief_worker.server"}
