"""One function call in a process of its own: its crash, its memory and its time harm no other.

The process is started anew, not forked, and ends with the call. What all calls work on is handed
over once (`Parcel`); what a call needs of the process that started it, it asks for over a pipe
(`Remote`). Nothing here knows tuners, and nothing listens on a network.
"""

from kt_extensions.isolation.channel import Channel, Remote
from kt_extensions.isolation.limits import Limits
from kt_extensions.isolation.parcel import Parcel, check
from kt_extensions.isolation.process import ProcessDied
from kt_extensions.isolation.processes import Processes

__all__ = ["Channel", "Limits", "Parcel", "ProcessDied", "Processes", "Remote", "check"]
