"""What samplers and pruners must keep, as tests that any one can be run through. Needs pytest.

In a test file:

    from kt_extensions.testing import SamplerContract

    class TestMySampler(SamplerContract):
        def make_sampler(self):
            return MySampler()
"""

from kt_extensions.testing.cases import FINITE_SPACES, SCORES, SEVERAL, SPACES, trial_table
from kt_extensions.testing.pruners import PROGRESSES, PrunerContract
from kt_extensions.testing.samplers import SamplerContract, ask, check_processes, proposals, search

__all__ = [
    "FINITE_SPACES",
    "PROGRESSES",
    "SCORES",
    "SEVERAL",
    "SPACES",
    "PrunerContract",
    "SamplerContract",
    "ask",
    "check_processes",
    "proposals",
    "search",
    "trial_table",
]
