"""Linear algebra of the samplers in one thread."""

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from kt_extensions.history import History, from_observations
from kt_extensions.samplers import GP, KDE, PSO, TPE, Sampler, Skopt
from kt_extensions.samplers.threads import single_threaded
from kt_extensions.testing import SPACES


def blas_threads() -> list[int]:
    libraries = ThreadpoolController().select(user_api="blas").info()
    return [library["num_threads"] for library in libraries]


@pytest.fixture
def three_threads():
    with ThreadpoolController().limit(limits=3):
        yield


@pytest.mark.usefixtures("three_threads")
def test_a_function_has_one_thread_and_leaves_as_many_as_there_were():
    assert set(blas_threads()) == {3}
    assert set(single_threaded(blas_threads)()) == {1}
    assert set(blas_threads()) == {3}


@pytest.mark.usefixtures("three_threads")
def test_a_function_that_raises_leaves_as_many_threads_as_there_were():
    with pytest.raises(ZeroDivisionError):
        single_threaded(lambda: 1 / 0)()
    assert set(blas_threads()) == {3}


def a_history(n: int) -> History:
    space, rng = SPACES["mixed"], np.random.default_rng(1)
    trials = [space.decode(rng.random(len(space))) for _ in range(n)]
    return from_observations(space, trials, rng.random(n))


@pytest.mark.parametrize(
    ("sampler", "trials"),  # with so many it has most to compute
    [(GP(), 150), (KDE(), 150), (PSO(), 90), (Skopt("GP"), 150), (TPE(), 150)],
    ids=["gp", "kde", "pso", "skopt", "tpe"],
)
def test_proposals_do_not_depend_on_the_threads_that_there_are(sampler: Sampler, trials: int):
    history, found = a_history(trials), []
    for threads in (1, 3):
        with ThreadpoolController().limit(limits=threads):
            rng = np.random.default_rng(2)
            found.append(sampler.suggest(history, rng).tobytes())
    assert found[0] == found[1]
