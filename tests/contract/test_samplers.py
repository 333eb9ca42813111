"""Every registered sampler keeps the contract, after one warm-up trial."""

import pytest

from kt_extensions.history import TrialTable
from kt_extensions.samplers import REGISTRY, Sampler
from kt_extensions.testing import SPACES, SamplerContract, ask, check_processes
from tests.contract.warmed_up import registered


class TestRegistered(SamplerContract):
    @pytest.fixture(params=sorted(REGISTRY))
    def sampler(self, request: pytest.FixtureRequest) -> Sampler:
        return registered(request.param)

    def test_proposes_the_same_in_every_process(self) -> None:
        """All samplers in one go: it is the processes that take time."""
        check_processes([registered(name) for name in sorted(REGISTRY)])


def test_models_are_in_use_after_the_warm_up() -> None:
    """That is, other scores change the fifth proposal, but for that of random search."""
    changed = set()
    for name in REGISTRY:
        sampler, following = registered(name), []
        for scores in ([1.0, 0.0, 2.0, 3.0], [1.0, 3.0, 2.0, 0.0]):
            table = TrialTable(SPACES["continuous"], seed=0)
            for number, score in enumerate(scores):
                ask(sampler, table)
                table.finish(f"asked {number}", table.history().X[number], score)
            following.append(ask(sampler, table).tolist())
        changed |= {name} if following[0] != following[1] else set()
    assert changed == REGISTRY.keys() - {"random"}
