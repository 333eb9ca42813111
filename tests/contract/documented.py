"""The programs of docs/writing_a_sampler.md: what an outside author writes."""

import importlib
import re
import sys
from pathlib import Path

from kt_extensions.samplers import Sampler

PAGE = Path(__file__).parents[2] / "docs" / "writing_a_sampler.md"


def programs() -> list[str]:
    """Returns the sampler, the search and the test, in the order of the page."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def write_module(folder: Path) -> str:
    """Writes the sampler's module to a folder. Returns its name."""
    module = programs()[0]
    file = re.match(r'"""(\w+)\.py', module)[1]
    (folder / f"{file}.py").write_text(module)
    return file


def make_sampler(folder: Path) -> Sampler:
    """Returns the sampler, imported from a module that is written to a folder."""
    name = write_module(folder)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name).Evolution()
    finally:
        sys.path.remove(str(folder))
        del sys.modules[name]
