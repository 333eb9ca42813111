"""Every registered sampler keeps the contract."""

import pytest

from kt_extensions.samplers import REGISTRY, Sampler
from kt_extensions.testing import SamplerContract


class TestRegistered(SamplerContract):
    @pytest.fixture(params=sorted(REGISTRY))
    def sampler(self, request: pytest.FixtureRequest) -> Sampler:
        return REGISTRY[request.param]()
