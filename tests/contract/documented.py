"""The programs of docs/writing_a_sampler.md: what an outside author writes."""

import importlib
import sys
from pathlib import Path

from kt_extensions.samplers import Sampler
from tests.docs import pages

PAGE = pages.PAGES["docs/writing_a_sampler.md"]


def programs() -> list[str]:
    """Returns the sampler, the search and the test, in the order of the page."""
    return [block.text for block in pages.programs(PAGE)]


def write_module(folder: Path) -> str:
    """Writes the sampler's module to a folder. Returns its name."""
    module = programs()[0]
    name = pages.module_name(module)
    (folder / f"{name}.py").write_text(module)
    return name


def make_sampler(folder: Path) -> Sampler:
    """Returns the sampler, imported from a module that is written to a folder."""
    name = write_module(folder)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name).Evolution()
    finally:
        sys.path.remove(str(folder))
        del sys.modules[name]
