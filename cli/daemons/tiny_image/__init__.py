"""Builds ``tiny``, the small bootable guest of the lab; it never runs a virtual machine itself.

The disk holds a Debian cloud kernel, busybox, Debian's Python and the Corral guest agent, and boots by BIOS::

    MBR -> FAT partition: syslinux, kernel, initramfs -> ext4 partition: everything else

The agent in a running guest is stopped with ``agentctl stop``, started again with ``agentctl start``
and logs to ``/run/corral-agent.log``; ``killall corral-agent`` ends it once and init starts it again.
"""

from cli.daemons.tiny_image.build import build, cached_image_path, default_cache_dir

__all__ = ["build", "cached_image_path", "default_cache_dir"]
