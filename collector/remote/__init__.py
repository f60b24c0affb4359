"""
A launch on a paired phone, over the bridge: the same plan, the same loop, the same store as a launch here.

Nothing in here speaks to the network. A job is written into the queue of the database, the bridge hands it out and
stores what the phone sends, and the launch is followed by reading that. So the bridge, the run and the phone may each
end and come back.
"""

from collector.remote.launching import POLL_S, RemoteDevice
from collector.remote.planning import Wanted, for_device, gate_for_phone
from collector.remote.pointing import find_device

__all__ = ["POLL_S", "RemoteDevice", "Wanted", "find_device", "for_device", "gate_for_phone"]
