"""Every registered sampler keeps the contract."""

import pytest

from kt_extensions.samplers import REGISTRY, Sampler
from kt_extensions.testing import SamplerContract, check_processes


class TestRegistered(SamplerContract):
    @pytest.fixture(params=sorted(REGISTRY))
    def sampler(self, request: pytest.FixtureRequest) -> Sampler:
        return REGISTRY[request.param]()

    def test_proposes_the_same_in_every_process(self) -> None:
        """All samplers in one go: it is the processes that take time."""
        check_processes([REGISTRY[name]() for name in sorted(REGISTRY)])
