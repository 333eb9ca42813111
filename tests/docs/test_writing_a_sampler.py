"""The sampler of docs/writing_a_sampler.md is short, and better than chance."""

import sys

import numpy as np
import pytest

from tests.contract.documented import PAGE, programs, write_module

SAMPLER, SEARCH, _ = programs()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An author's folder, with the sampler's module."""
    name = write_module(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop(name, None)


def best_score(sampler, seed):
    changes = {"Evolution()": sampler, "seed=0": f"seed={seed}", "search()": "search(verbose=0)"}
    program = "from kt_extensions.samplers import Random\n" + SEARCH
    for shown, wanted in changes.items():
        assert program.count(shown) == 1
        program = program.replace(shown, wanted)
    names = {"__name__": "search"}
    exec(compile(program, str(PAGE), "exec"), names)
    assert len(names["oracle"].trials) == 60
    return names["best"].score


def test_the_sampler_takes_at_most_thirty_lines():
    assert len(SAMPLER.splitlines()) <= 30


def test_the_search_is_better_than_a_random_one(folder):
    ours = [best_score("Evolution()", seed) for seed in range(3)]
    random = [best_score("Random()", seed) for seed in range(3)]
    assert np.median(ours) < 0.3 * np.median(random)
