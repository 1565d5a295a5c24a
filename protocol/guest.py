"""The messages between the node and the agent inside a VM over virtio-serial: one JSON object per line.

JSON and not msgpack, because a line-based stream resynchronises itself after garbage. Every field is bounded by the
reader. It must not carry anything that the host would act on beyond showing it.
"""

from __future__ import annotations

from typing import Final

channel_name: Final = "org.corral.guest.0"
protocol_version: Final = 1

# agent -> node: {"type": TYPE, ...}
HELLO: Final = "hello"  # version, agent_version
HEARTBEAT: Final = "heartbeat"  # memory_total_bytes, memory_available_bytes
FACTS: Final = "facts"  # the fields of protocol.node.reports.GuestReport, apart from vm_id
REPLY: Final = "reply"  # id, ok, error

# node -> agent: {"type": TYPE, "id": ID, ...}
WELCOME: Final = "welcome"  # version, heartbeat_period_seconds
SHUTDOWN: Final = "shutdown"  # reason
REBOOT: Final = "reboot"  # reason
REFRESH: Final = "refresh"  # send facts now
FREEZE: Final = "freeze"  # every writable file system; the reply comes when all are frozen
THAW: Final = "thaw"

freeze_seconds_max: Final = 60.0
"""A guest thaws by itself this long after it was last told to freeze: its host may have died."""
