"""Every registered pruner keeps the contract."""

from typing import Any

import pytest

from kt_extensions.pruners import REGISTRY, Pruner
from kt_extensions.testing import PrunerContract

SETTINGS: dict[str, dict[str, Any]] = {"patience": {"epochs": 2}, "threshold": {"worse_than": 0.5}}


class TestRegistered(PrunerContract):
    @pytest.fixture(params=sorted(REGISTRY))
    def pruner(self, request: pytest.FixtureRequest) -> Pruner:
        return REGISTRY[request.param](**SETTINGS.get(request.param, {}))
