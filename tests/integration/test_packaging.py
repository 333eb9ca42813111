"""What an installation of the package contains."""

import doctest
import importlib
import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import kt_extensions

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.unfrozen  # some examples freeze objects themselves


def shown(*command, **settings):
    """Runs a command and returns what it printed."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **settings
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the project, so that building leaves nothing behind in it."""
    copy = tmp_path_factory.mktemp("source")
    tracked = ("pyproject.toml", "README.md", "LICENSE", "kt_extensions", "builders")
    shown("cp", "-R", *(ROOT / name for name in tracked), copy)
    return copy


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """The wheel, built with the setuptools at hand: no network."""
    out = tmp_path_factory.mktemp("wheel")
    options = ("--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", out)
    shown(sys.executable, "-m", "pip", "wheel", *options, source)
    [path] = out.glob("kt_extensions-*.whl")
    return path


@pytest.fixture(scope="module")
def sdist(source, tmp_path_factory):
    """The source distribution."""
    out = tmp_path_factory.mktemp("sdist")
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(out)!r})"
    shown(sys.executable, "-c", build, cwd=source)
    [path] = out.glob("kt_extensions-*.tar.gz")
    return path


def modules(folder, package):
    """Returns the wheel's paths for the Python files below a folder."""
    paths = (ROOT / folder).rglob("*.py")
    return {f"{package}/{path.relative_to(ROOT / folder).as_posix()}" for path in paths}


ALL_CODE = modules("kt_extensions", "kt_extensions") | modules("builders", "kt_extensions/builders")


@pytest.mark.parametrize("path", sorted(ALL_CODE))
def test_examples_in_docstrings_run(path):
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_version_is_said_alike():
    assert kt_extensions.__version__ == importlib.metadata.version("kt-extensions")


def test_every_folder_with_code_is_listed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent for path in (ROOT / "kt_extensions").rglob("*.py")}
    packages = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    builders = {path.parent for path in (ROOT / "builders").rglob("*.py")}
    packages |= {".".join(("kt_extensions", *f.relative_to(ROOT).parts)) for f in builders}
    assert sorted(settings["packages"]) == sorted(packages)


def test_wheel_has_all_code_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    info = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    notes = {
        f"{info}/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "top_level.txt", "entry_points.txt")
    }
    assert names == {*ALL_CODE, "kt_extensions/py.typed", f"{info}/licenses/LICENSE", *notes}
    assert zipfile.ZipFile(wheel).read(f"{info}/top_level.txt") == b"kt_extensions\n"


def test_sdist_builds_the_same_wheel(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    [unpacked] = tmp_path.iterdir()
    options = ("--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", tmp_path)
    shown(sys.executable, "-m", "pip", "wheel", *options, unpacked)
    [again] = tmp_path.glob("*.whl")
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(wheel).namelist()


@pytest.fixture
def python(tmp_path):
    """An interpreter of its own that sees the packages installed here, but not this project."""
    venv.create(tmp_path / "env", symlinks=True)
    [site] = (tmp_path / "env").glob("lib/python*/site-packages")
    (site / "outer.pth").write_text(sysconfig.get_path("purelib"))
    return tmp_path / "env" / "bin" / "python"


@pytest.mark.parametrize("editable", [False, True])
def test_installed_builders_are_found_in_their_place(editable, source, wheel, python, tmp_path):
    what = ("--no-build-isolation", "-e", source) if editable else (wheel,)
    pip = (sys.executable, "-m", "pip", "--python", python, "install")
    shown(*pip, "--no-deps", "--no-index", *what)
    code = "import kt_extensions.builders as b, importlib.util as u; print(b.__file__)"
    elsewhere = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": ""}}
    printed = shown(python, "-c", code + "; print(u.find_spec('builders'))", **elsewhere)
    place, bare = printed.split()
    assert Path(place).is_relative_to(source / "builders" if editable else tmp_path / "env")
    assert bare == "None"
