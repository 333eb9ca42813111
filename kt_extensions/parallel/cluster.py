"""A Ray cluster, as far as workers need one. Ray is imported when one is asked for."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kt_extensions.parallel.devices import GROWTH
from kt_extensions.parallel.ray_worker import Desk, Worker

_STORE = 200_000_000  # bytes of the object store of a cluster on this machine, besides the data
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",  # lines that differ in numbers are the same to it
}


class Death(NamedTuple):
    """How an actor has died.

    Args:
        reason: A sentence.
        is_loss: Whether its process or its node has ended, rather than its own code has failed.
    """

    reason: str
    is_loss: bool


class Cluster:
    """A Ray cluster with a desk on the driver's node.

    Args:
        resources: What each worker needs: `"CPU"`, one if it is not told, `"GPU"`, `"memory"` in
            bytes, or what the nodes were started with.
        environment: Variables of the workers' environment.
        n_bytes: How large the data are that will be put into the object store.
        address: That of a cluster. `None` for the one that `ray.init` was called for, or that
            `RAY_ADDRESS` tells of; if there is none, one is started on this machine, which listens
            on 127.0.0.1 alone and ends with `close`.

    Raises:
        ImportError: If Ray is not installed.
        ConnectionError: If there is no cluster at the address.

    Example:

    ```python
    cluster = Cluster({"CPU": 2, "GPU": 1}, {}, 0, "auto")
    cluster.room()  # workers
    ```
    """

    def __init__(
        self,
        resources: Mapping[str, float],
        environment: Mapping[str, str],
        n_bytes: int,
        address: str | None,
    ) -> None:
        self._ray = ray = _imported()
        self._resources = {"CPU": 1, **resources}
        self._environment = dict(environment)
        self._is_own = not ray.is_initialized()
        if self._is_own:
            _connect(ray, address, n_bytes)
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        desk = ray.remote(num_cpus=0, max_concurrency=1000)(Desk)
        self._desk = desk.options(scheduling_strategy=here).remote()

    def put(self, thing: Any) -> Any:
        """Puts something into the object store, once for all workers of a node."""
        return self._ray.put(thing)

    def get(self, reference: Any) -> Any:
        return self._ray.get(reference)

    def wait(self, references: list[Any], seconds: float) -> list[Any]:
        """Returns those of some references that are done, once one is or the seconds are over."""
        done, _ = self._ray.wait(references, num_returns=1, timeout=seconds)
        if done:
            done, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        return list(done)

    def told(self, reference: Any) -> tuple[Any, Death | None]:
        """Returns what an actor tells, or how it has died."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference), None
        except errors.RayError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            reason = f"The Ray worker has died ({type(error).__name__}). {' '.join(lines)}"
            is_loss = isinstance(error, errors.RayActorError) and not error.actor_init_failed
            return None, Death(reason, is_loss)

    def requests(self) -> Any:
        """Returns a reference to what workers will have asked next."""
        return self._desk.requests.remote()

    def answer(self, answers: list[tuple[int, bytes]]) -> None:
        """Answers requests, by their numbers."""
        self._desk.answer.remote(answers)

    def worker(self, number: int, *hired: Any) -> Any:
        """Starts a worker, as soon as there is room for it."""
        needs = dict(self._resources)
        n_cpus, n_gpus = needs.pop("CPU"), needs.pop("GPU", 0)
        threads = str(max(1, int(n_cpus)))
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC")
        own = {name: os.environ.get(name, threads) for name in names}
        mask = {} if n_gpus else {"CUDA_VISIBLE_DEVICES": "-1"}
        variables = {**own, **GROWTH, **mask, **self._environment}
        actor = self._ray.remote(Worker).options(
            num_cpus=n_cpus,
            num_gpus=n_gpus,
            memory=needs.pop("memory", None),
            resources=needs or None,
            runtime_env={"env_vars": variables},
        )
        prepare, content, folders = hired
        return actor.remote(number, self._desk, prepare, content, folders)

    def kill(self, actor: Any) -> None:
        self._ray.kill(actor)

    def room(self) -> int:
        """Returns how many workers the nodes that are there have room for."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return sum(map(self._room_of, nodes))

    def no_room(self) -> str:
        """Returns a sentence that tells that no worker could be started for long."""
        return (
            f"Still no worker: expected nodes with {self._resources} free for each. Received: a "
            f"cluster with {self._ray.cluster_resources()}, of which "
            f"{self._ray.available_resources()} is free. The search waits for them. To ask for "
            "less, pass other `resources_per_trial`."
        )

    def close(self) -> None:
        """Leaves the cluster, which ends if it was started here."""
        if self._is_own:
            self._ray.shutdown()
        else:
            self._ray.kill(self._desk)

    def _room_of(self, node: Mapping[str, float]) -> int:
        needs = {name: amount for name, amount in self._resources.items() if amount}
        return min((math.floor(node.get(n, 0) / amount) for n, amount in needs.items()), default=0)


def _imported() -> Any:
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    try:
        import ray
    except ImportError as error:
        raise ImportError(
            "Expected Ray for parallel='ray'. Received: an environment without it. Install it: "
            'pip install "kt-extensions[ray]".'
        ) from error
    return ray


def _connect(ray: Any, address: str | None, n_bytes: int) -> None:
    if address is not None or os.environ.get("RAY_ADDRESS"):
        ray.init(address=address, logging_level="ERROR")
        return
    with _on_loopback():
        ray.init(
            address="local",  # whatever else runs on this machine
            include_dashboard=False,
            logging_level="ERROR",
            object_store_memory=_STORE + 2 * n_bytes,
        )


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Has Ray start processes that listen on 127.0.0.1 alone, as it does on macOS and Windows."""
    from ray._private import ray_constants

    name = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR  # for the processes that Ray starts
    before = ray_constants.ENABLE_RAY_CLUSTER, os.environ.get(name)
    ray_constants.ENABLE_RAY_CLUSTER, os.environ[name] = False, "0"
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER, set_before = before
        del os.environ[name]
        if set_before is not None:
            os.environ[name] = set_before
