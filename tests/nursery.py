"""Processes that start at once: each is forked from one that has imported everything.

The tests start this file as a program, which makes the processes that they ask for.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

PREFIX = "nursery: "


class Process:
    """A function that runs in a process of its own."""

    def __init__(self, nursery: Nursery, pid: int, output: Path) -> None:
        self._nursery = nursery
        self.pid = pid
        self._output = output
        self._code: int | None = None

    @property
    def code(self) -> int | None:
        """The exit code, minus the signal that has killed it, or `None` while it runs."""
        if self._code is None:
            self._code = self._nursery.ask(poll=self.pid)
        return self._code

    @property
    def output(self) -> str:
        return self._output.read_text()

    def signal(self, number: int) -> None:
        if self.code is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it as `kill -9` does."""
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = 60) -> int:
        """Waits for its end, and returns the exit code."""
        until(lambda: self.code is not None, seconds, lambda: self.output)
        return int(self.code or 0)


class Nursery:
    """Starts processes."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._popen = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._started: list[Process] = []

    def start(
        self, function: Callable[..., Any], *args: Any, output: Path, **environment: str
    ) -> Process:
        """Starts a function of a module of the tests, with arguments that JSON can hold."""
        place = [function.__module__, function.__name__]
        pid = self.ask(run=place, args=args, output=str(output), environment=environment)
        self._started.append(Process(self, pid, output))
        return self._started[-1]

    def ask(self, **request: Any) -> Any:
        assert self._popen.stdin is not None and self._popen.stdout is not None
        self._popen.stdin.write(json.dumps(request) + "\n")
        self._popen.stdin.flush()
        for line in self._popen.stdout:
            if line.startswith(PREFIX):
                return json.loads(line.removeprefix(PREFIX))
        raise RuntimeError("the nursery has ended")

    def end_all(self) -> None:
        for process in self._started:
            process.signal(signal.SIGCONT)
            process.kill()
        self._started.clear()

    def close(self) -> None:
        self.end_all()
        self._popen.kill()
        self._popen.communicate()


def until(
    condition: Callable[[], Any], seconds: float = 60, told: Callable[[], str] = lambda: ""
) -> Any:
    """Waits until a condition holds, and returns it."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > end:
            raise TimeoutError(told())
        time.sleep(0.02)
    return answer


def main() -> None:
    import keras_tuner  # noqa: F401

    from kt_extensions import tuners  # noqa: F401

    gc.collect()
    gc.freeze()  # no process walks, and so copies, what all have
    for line in sys.stdin:
        request = json.loads(line)
        answer = _poll(request["poll"]) if "poll" in request else _run(**request)
        print(PREFIX + json.dumps(answer), flush=True)
    os.killpg(0, signal.SIGKILL)  # whoever asked for the processes has ended


def _poll(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _run(run: list[str], args: list[Any], output: str, environment: dict[str, str]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with open(output, "a") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        os.environ.update(environment)
        getattr(importlib.import_module(run[0]), run[1])(*args)
        code = 0
    except SystemExit as ending:
        code = int(ending.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
