"""The names of guest operating systems that oVirt knows: what `os.type` may be."""

from __future__ import annotations

from typing import Final

OS_TYPES: Final = (
    "other", "other_linux", "other_linux_kernel_4", "unassigned",
    "debian_7", "debian_9",
    "freebsd", "freebsdx64",
    "rhcos_x64", "rhel_3", "rhel_3x64", "rhel_4", "rhel_4x64", "rhel_5", "rhel_5x64", "rhel_6", "rhel_6x64", "rhel_7x64",
    "rhel_8x64", "rhel_9x64", "rhel_atomic7x64",
    "sles_11",
    "ubuntu_12_04", "ubuntu_12_10", "ubuntu_13_04", "ubuntu_13_10", "ubuntu_14_04", "ubuntu_18_04",
    "windows_10", "windows_10x64", "windows_11", "windows_2003", "windows_2003x64", "windows_2008", "windows_2008R2x64",
    "windows_2008r2x64", "windows_2008x64", "windows_2012R2x64", "windows_2012x64", "windows_2016x64", "windows_2019x64",
    "windows_2022", "windows_7", "windows_7x64", "windows_8", "windows_8x64", "windows_xp",
)  # fmt: skip
"""Those for x86, the only architecture of the hosts. The list of types of the API and that of the engine differ in how
they write one of them."""
