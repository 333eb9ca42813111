"""Settings that make no sense are refused when the sampler is made."""

import dataclasses
import math

import numpy as np
import pytest

from kt_extensions.samplers import GP, KDE, PSO, REGISTRY, TPE, Skopt
from kt_extensions.samplers.gaussian_process import Prior

WHOLE = "an integer >= 1"
SHARE = "a number from 0 to 1"
NOT_NEGATIVE = "a number >= 0"
POSITIVE = "a number > 0"

REFUSED = [
    (TPE, "n_startup", 0, WHOLE, 10),
    (TPE, "n_startup", 2.5, WHOLE, 10),
    (TPE, "n_candidates", -1, WHOLE, 128),
    (TPE, "most_good", 0, WHOLE, 25),
    (TPE, "most_others", "all", WHOLE, 250),
    (TPE, "quantile", 1.5, SHARE, 0.15),
    (TPE, "quantile", 0.0, POSITIVE, 0.15),
    (TPE, "explore", math.nan, SHARE, 0.3),
    (TPE, "prior_weight", 0, POSITIVE, 2.0),
    (GP, "n_startup", 0, WHOLE, 10),
    (GP, "n_candidates", 0, WHOLE, 600),
    (GP, "most_points", None, WHOLE, 300),
    (GP, "hopeful", -0.1, SHARE, 0.5),
    (GP, "explore", 45, SHARE, 0.45),
    (GP, "width", math.inf, NOT_NEGATIVE, 2.0),
    (PSO, "n_particles", 0, WHOLE, 8),
    (PSO, "n_particles", True, WHOLE, 8),
    (PSO, "inertia", 1.01, SHARE, PSO.inertia),
    (PSO, "cognitive", -1.0, NOT_NEGATIVE, PSO.cognitive),
    (PSO, "social", "0.9", NOT_NEGATIVE, 0.9),
    (PSO, "mutation", 2, SHARE, 0.1),
    (PSO, "explore", -0.3, SHARE, 0.3),
    (KDE, "n_startup", 0, WHOLE, 10),
    (KDE, "n_candidates", 0, WHOLE, 64),
    (KDE, "most_others", 0, WHOLE, 250),
    (KDE, "quantile", 0, POSITIVE, 0.15),
    (KDE, "prior_weight", -2.0, POSITIVE, 2.0),
    (KDE, "trust", -1, NOT_NEGATIVE, 10.0),
    (KDE, "random_share", 1.5, SHARE, 0.1),
    (Skopt, "surrogate", "gp", "one of ['GP', 'RF', 'ET', 'GBRT']", "ET"),
    (Skopt, "acquisition", "gp_hedge", "one of ['EI', 'PI', 'LCB']", "EI"),
    (Skopt, "n_startup", 0, WHOLE, 10),
    (Skopt, "n_candidates", 0, WHOLE, 1000),
    (Skopt, "most_points", 0, WHOLE, 200),
    (Skopt, "n_trees", 0, WHOLE, 30),
    (Skopt, "xi", -0.01, NOT_NEGATIVE, 0.01),
    (Skopt, "kappa", math.nan, NOT_NEGATIVE, 1.96),
]


@pytest.mark.parametrize(("sampler", "name", "value", "expected", "default"), REFUSED)
def test_are_refused_with_what_was_expected(sampler, name, value, expected, default):
    with pytest.raises(ValueError) as error:
        sampler(**{name: value})
    assert str(error.value) == (
        f"Expected {name} to be {expected}. Received: {value!r}. Left out, it is {default!r}."
    )


def test_the_prior_is_checked_too():
    message = r"^Expected noise to be a number > 0. Received: 0.0. Left out, it is 0.0001.$"
    with pytest.raises(ValueError, match=message):
        GP(prior=Prior(noise=0.0))


def test_numpy_numbers_are_numbers():
    swarm = PSO(n_particles=np.int64(5), inertia=np.float32(0.5), social=1)
    assert (swarm.n_particles, swarm.inertia, swarm.social) == (5, 0.5, 1)


def test_the_ends_of_a_range_are_in_it():
    assert TPE(quantile=1, explore=0).explore == 0
    assert PSO(n_particles=1, inertia=0.0, cognitive=0.0, social=0.0, mutation=1.0).mutation == 1
    assert Skopt(xi=0.0, kappa=0).xi == 0


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_setting_of_every_sampler_is_checked(name):
    sampler = REGISTRY[name]()
    settings = dataclasses.fields(sampler) if dataclasses.is_dataclass(sampler) else ()
    for setting in settings:
        with pytest.raises(ValueError, match=f"Expected {setting.name} to be "):
            dataclasses.replace(sampler, **{setting.name: -1.0})
