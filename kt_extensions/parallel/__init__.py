"""Many calls at once: one interface, and what is behind it."""

from kt_extensions.parallel.base import Call, Crew, Ended
from kt_extensions.parallel.local import LocalCrew

__all__ = ["Call", "Crew", "Ended", "LocalCrew"]
