"""Every limit in one place, unit last in the name. It must not hold a policy: policies are configuration."""

from __future__ import annotations

from typing import Final

# Frames between daemons (node links, guest channels, subscriptions)
frame_bytes_max: Final = 16 * 1024 * 1024
frame_before_authentication_bytes_max: Final = 64 * 1024
guest_frame_bytes_max: Final = 64 * 1024
guest_frames_per_second_max: Final = 50
guest_depth_max: Final = 8
msgpack_string_bytes_max: Final = 8 * 1024 * 1024
msgpack_items_max: Final = 1_000_000
msgpack_depth_max: Final = 64

# Mailboxes
mailbox_messages_max: Final = 1_000
link_queue_frames_max: Final = 10_000
subscriber_queue_changes_max: Final = 2_000

# Time-outs and periods
ask_timeout_seconds: Final = 30.0
handshake_timeout_seconds: Final = 10.0
heartbeat_period_seconds: Final = 5.0
host_silent_after_seconds: Final = 20.0
statistics_period_seconds: Final = 5.0
guest_heartbeat_period_seconds: Final = 5.0
guest_stale_after_seconds: Final = 20.0
engine_lease_seconds: Final = 10.0

# Journal
commit_rows_max: Final = 1_000
commit_bytes_max: Final = 8 * 1024 * 1024

# REST
request_body_bytes_max: Final = 2 * 1024 * 1024
xml_depth_max: Final = 64
name_characters_max: Final = 255
description_characters_max: Final = 4_096
ticket_characters_max: Final = 8  # all that VNC looks at
ticket_seconds_max: Final = 86_400

# Virtual machines
vm_memory_bytes_min: Final = 16 * 1024 * 1024
vm_memory_bytes_max: Final = 16 * 1024**4
vm_vcpus_max: Final = 710
vm_disks_max: Final = 23
vm_nics_max: Final = 28
disk_bytes_min: Final = 1024 * 1024
disk_bytes_max: Final = 500 * 1024**4
boots_at_once_max: Final = 4
