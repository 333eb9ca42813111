"""Notebooks that are run in a kernel of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbclient
import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager


def execute(notebook: nbformat.NotebookNode, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the cells of a notebook in a folder; their outputs are in the notebook then.

    The kernel is spoken to through sockets of the file system, whose paths must be short.
    """
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    with tempfile.TemporaryDirectory() as sockets:
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/kernel")
        client = nbclient.NotebookClient(
            notebook, km=kernel, timeout=600, resources={"metadata": {"path": str(folder)}}
        )
        client.execute(cleanup_kc=True)
