"""Function calls in processes of their own: their crash, memory and time harm no other.

A process is started anew, not forked. What all calls work on is handed over once (`Parcel`); what a
call needs of the process that started it, it asks for over a pipe (`Remote`). Nothing here knows
tuners, and nothing listens on a network.
"""

from kt_extensions.isolation.channel import Channel, Remote
from kt_extensions.isolation.limits import Limits
from kt_extensions.isolation.parcel import Parcel, check
from kt_extensions.isolation.process import Outcome, Process
from kt_extensions.isolation.workplace import Asking, Workplace

__all__ = [
    "Asking",
    "Channel",
    "Limits",
    "Outcome",
    "Parcel",
    "Process",
    "Remote",
    "Workplace",
    "check",
]
