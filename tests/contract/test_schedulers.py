"""Every registered scheduler keeps the contract."""

import pytest

from kt_extensions.schedulers import REGISTRY, Scheduler
from kt_extensions.testing import SchedulerContract


class TestRegistered(SchedulerContract):
    @pytest.fixture(params=sorted(REGISTRY))
    def scheduler(self, request: pytest.FixtureRequest) -> Scheduler:
        return REGISTRY[request.param](9)  # type: ignore[call-arg]
