"""Linear algebra of the samplers in one thread."""

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from kt_extensions.history import History, from_observations
from kt_extensions.samplers import REGISTRY
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


def a_history(name: str) -> History:
    """As long as the sampler has most to compute."""
    space, rng = SPACES["mixed"], np.random.default_rng(1)
    trials = [space.decode(rng.random(len(space))) for _ in range(90 if name == "pso" else 150)]
    return from_observations(space, trials, rng.random(len(trials)))


@pytest.mark.parametrize("name", ["gp", "kde", "pso", "tpe"])
def test_proposals_do_not_depend_on_the_threads_that_there_are(name):
    history, found = a_history(name), []
    for threads in (1, 3):
        with ThreadpoolController().limit(limits=threads):
            rng = np.random.default_rng(2)
            found.append(REGISTRY[name]().suggest(history, rng).tobytes())
    assert found[0] == found[1]
