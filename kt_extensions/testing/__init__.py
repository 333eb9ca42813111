"""What samplers, schedulers and pruners must keep, as tests for any of them. Needs pytest.

In a test file:

    from kt_extensions.testing import SamplerContract

    class TestMySampler(SamplerContract):
        def make_sampler(self):
            return MySampler()
"""

from kt_extensions.testing.cases import FINITE_SPACES, SCORES, SEVERAL, SPACES, trial_table
from kt_extensions.testing.pruners import PROGRESSES, PrunerContract
from kt_extensions.testing.samplers import SamplerContract, ask, check_processes, proposals, search
from kt_extensions.testing.schedulers import SchedulerContract

__all__ = [
    "FINITE_SPACES",
    "PROGRESSES",
    "SCORES",
    "SEVERAL",
    "SPACES",
    "PrunerContract",
    "SamplerContract",
    "SchedulerContract",
    "ask",
    "check_processes",
    "proposals",
    "search",
    "trial_table",
]
