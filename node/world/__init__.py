"""The simulated world: hosts, QEMUs, power and storage as they really are, whatever a daemon believes."""

from node.world.faults import CallFault, FaultHook
from node.world.hosts import HostShape, WorldHost
from node.world.qemu import GuestShape, Qemu, StartRecord
from node.world.storage import WorldStorage, WorldVolume
from node.world.world import World

__all__ = [
    "CallFault",
    "FaultHook",
    "GuestShape",
    "HostShape",
    "Qemu",
    "StartRecord",
    "World",
    "WorldHost",
    "WorldStorage",
    "WorldVolume",
]
