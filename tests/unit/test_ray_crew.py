"""Workers on a Ray cluster that are lost, without Ray."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cloudpickle
import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.parallel import Call, cluster, ray_crew
from kt_extensions.parallel.cluster import Cluster, Death
from kt_extensions.tuners.dispatch import Dispatch

LOST = Death("It was lost.", is_loss=True)
BROKEN = Death("No module named 'keras'.", is_loss=False)


class Told:
    """What an actor is asked for; known once it is done."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.death: Death | None = None
        self.is_done = False


class Actor:
    """Does what it is asked for when `go` is called, until it dies."""

    def __init__(self) -> None:
        self.death: Death | None = None
        self.is_killed = False
        self.asked: list[Told] = []
        self.is_ready = SimpleNamespace(remote=lambda: self.ask(True))
        self.run = SimpleNamespace(remote=lambda function, arguments: self.ask(self.result))
        result = (kt.HyperParameters(), TrialStatus.COMPLETED, None)
        self.result = ("returned", cloudpickle.dumps(result), "")

    def ask(self, value: Any) -> Told:
        self.asked.append(Told(value))
        return self.asked[-1]

    def go(self, n: int | None = None) -> None:
        for told in self.asked[:n]:
            told.is_done, told.death = True, self.death
        del self.asked[:n]

    def die(self, death: Death) -> None:
        self.death = death
        self.go()


class Actors:
    """In place of a cluster."""

    def __init__(self, *told: Any) -> None:
        self.hired: list[Actor] = []
        self.is_closed = False
        self.fails: Exception | None = None

    def put(self, thing: Any) -> Any:
        if self.fails:
            raise self.fails

    def requests(self) -> Told:
        return Told([])

    def worker(self, number: int, *hired: Any) -> Actor:
        self.hired.append(Actor())
        return self.hired[-1]

    def kill(self, actor: Actor) -> None:
        actor.is_killed = True

    def wait(self, references: list[Told], seconds: float) -> list[Told]:
        return [told for told in references if told.is_done]

    def told(self, told: Told) -> tuple[Any, Death | None]:
        assert told.is_done
        return told.value, told.death

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def actors(monkeypatch: pytest.MonkeyPatch) -> Actors:
    made = Actors()
    monkeypatch.setattr(ray_crew, "Cluster", lambda *told: made)
    monkeypatch.setattr(ray_crew, "_CENSUS", 0.0)
    return made


def crew_of(count: int) -> ray_crew.RayCrew:
    return ray_crew.RayCrew((), print, {}, count, None, None)


def call() -> Call:
    return Call(print, cloudpickle.dumps(()), {})


def test_a_worker_that_died_while_idle_is_not_laid_to_the_call(actors: Actors) -> None:
    crew = crew_of(1)
    crew.idle()
    actors.hired[0].go()
    crew.wait(0.1)
    assert crew.idle() == [0]
    actors.hired[0].death = LOST
    crew.submit(0, call())
    actors.hired[0].go()
    [ended] = crew.wait(0.1)
    assert ended.outcome.death is not None and not ended.outcome.began
    actors.hired[1].go()
    crew.wait(0.1)
    crew.submit(1, call())
    actors.hired[1].go(1)  # it has answered, and then it dies of the call
    actors.hired[1].die(LOST)
    [ended] = crew.wait(0.1)
    assert "It was lost." in str(ended.outcome.death) and ended.outcome.began
    assert [actor.is_killed for actor in actors.hired] == [True, True, False]


class Tuner:
    """Runs one trial."""

    def __init__(self) -> None:
        self.left = [Trial(kt.HyperParameters(), "07", TrialStatus.RUNNING)]
        self.ended: list[Trial] = []

    def on_trial_begin(self, trial: Trial) -> None: ...

    def on_trial_end(self, trial: Trial) -> None:
        self.ended.append(trial)

    def ends_together(self) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()

    def call(self, trial: Trial) -> Call:
        return call()

    def create(self, place: int) -> Trial:
        stopped = Trial(kt.HyperParameters(), status=TrialStatus.STOPPED)
        return self.left.pop() if self.left else stopped


def test_a_trial_is_run_though_all_idle_workers_are_dead(
    actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew, tuner = crew_of(4), Tuner()
    crew.idle()
    for actor in actors.hired:
        actor.go()
    crew.wait(0.1)
    for actor in actors.hired:
        actor.death = LOST
    monkeypatch.setattr(actors, "wait", working(actors, actors.wait))
    Dispatch(tuner, crew, tuner.create, blames=False).run()
    assert [trial.status for trial in tuner.ended] == [TrialStatus.COMPLETED]


def working(actors: Actors, wait: Callable[..., Any]) -> Callable[..., Any]:
    """Has all actors work while somebody waits."""

    def work(*told: Any) -> Any:
        for actor in actors.hired:
            actor.go()
        return wait(*told)

    return work


def test_workers_that_are_lost_together_before_they_are_ready_are_replaced(actors: Actors) -> None:
    crew = crew_of(3)
    crew.idle()
    for actor in actors.hired:
        actor.die(LOST)
    with pytest.warns(UserWarning, match="lost before it was ready") as told:
        crew.wait(0.01)
    assert len(told) == 3
    assert len(actors.hired) == 6
    for actor in actors.hired[3:]:
        actor.go()
    crew.wait(0.1)
    assert crew.idle() == [3, 4, 5]


@pytest.mark.parametrize("death", [LOST, BROKEN])
def test_workers_that_die_one_after_the_other_end_the_search(actors: Actors, death: Death) -> None:
    crew = crew_of(1)
    crew.idle()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(2):
            actors.hired[-1].die(death)
            crew.wait(0.01)
        actors.hired[-1].die(death)
        with pytest.raises(RuntimeError, match=f"same packages on all nodes. {death.reason}"):
            crew.wait(0.01)
    assert len(told) == (3 if death.is_loss else 0)


def test_losses_do_not_end_a_search_that_goes_on_elsewhere(actors: Actors) -> None:
    crew = crew_of(2)
    crew.idle()
    actors.hired[0].go()
    crew.wait(0.1)
    with pytest.warns(UserWarning, match="lost before it was ready"):
        for _ in range(9):
            actors.hired[-1].die(LOST)
            crew.wait(0.01)
    assert crew.idle() == [0]


def test_a_cluster_is_left_if_it_cannot_take_the_data(actors: Actors) -> None:
    actors.fails = MemoryError("full")
    with pytest.raises(MemoryError, match="full"):
        crew_of(1)
    assert actors.is_closed


def test_a_worker_needs_a_processor_beside_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is room for as many as Ray starts, which a search without `workers` goes by."""
    monkeypatch.setattr(cluster, "_imported", Ray)
    nodes = Cluster({"GPU": 1}, {}, 0, None)
    assert nodes.room() == 2 + 1
    assert Cluster({"GPU": 1, "CPU": 0}, {}, 0, None).room() == 4 + 1
    nodes.worker(0, b"", None, ("", []))
    assert (Ray.options["num_cpus"], Ray.options["num_gpus"]) == (1, 1)


def test_threads_that_the_user_has_set_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_imported", Ray)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    Cluster({"CPU": 2}, {}, 0, None).worker(0, b"", None, ("", []))
    variables = Ray.options["runtime_env"]["env_vars"]
    assert (variables["OMP_NUM_THREADS"], variables["TF_NUM_INTRAOP_THREADS"]) == ("7", "2")


class Ray:
    """What of Ray a cluster uses, with two nodes."""

    options: dict[str, Any] = {}  # noqa: RUF012

    def is_initialized(self) -> bool:
        return True

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: "0" * 56)

    def nodes(self) -> list[dict[str, Any]]:
        sizes = [{"CPU": 2.0, "GPU": 4.0}, {"CPU": 8.0, "GPU": 1.0}]
        return [{"Alive": True, "Resources": size} for size in sizes]

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        if not args:
            return self.remote
        return SimpleNamespace(options=self._options)

    def _options(self, **options: Any) -> Any:
        Ray.options = options
        return SimpleNamespace(remote=lambda *args: None)
