"""A firmware of 64 KiB that goes through real, protected and long mode, works on 32 MiB and says OK, then ends QEMU.

A CPU that only pretends to virtualize hangs or ends on the way: real mode alone proves nothing (seen: a /dev/kvm that
runs nothing, under a hypervisor that offers it to its guests).
"""

from __future__ import annotations

exit_port = 0xF4
exit_code = (0x10 << 1) | 1
"""QEMU's own exit code when the firmware reaches its end (isa-debug-exit doubles the value and adds one)."""
output = b"OK"
memory_mebibytes = 64

_bytes = 0x10000
_reset_vector = 0xFFF0

_code = (
    # 16 bit, at F000:0000
    "fa fc",  # cli; cld
    "31 c0 8e d0 bc 00 70",  # ss:sp = 0:7000
    "2e 66 0f 01 16 28 01",  # lgdtl cs:[0x128]
    "0f 20 c0 0c 01 0f 22 c0",  # cr0.PE = 1
    "66 ea 20 00 0f 00 08 00",  # far jump to 08:000f0020
    # 32 bit, at 0x20
    "66 b8 10 00 8e d8 8e c0 8e d0 bc 00 70 00 00",  # flat data segments and a stack
    "bf 00 10 00 00 31 c0 b9 00 0c 00 00 f3 ab",  # clear three pages at 0x1000
    "c7 05 00 10 00 00 03 20 00 00",  # top level [0] -> 0x2000
    "c7 05 00 20 00 00 03 30 00 00",  # next level [0] -> 0x3000
    "b8 83 00 00 00 bf 00 30 00 00 b9 20 00 00 00",  # 32 pages of 2 MiB, one to one:
    "89 07 05 00 00 20 00 83 c7 08 e2 f4",  #   loop: store; address += 2 MiB; next entry
    "b8 00 10 00 00 0f 22 d8",  # cr3 = 0x1000
    "0f 20 e0 0d 20 06 00 00 0f 22 e0",  # cr4: PAE, SSE
    "b9 80 00 00 c0 0f 32 0d 00 01 00 00 0f 30",  # EFER.LME = 1
    "0f 20 c0 0d 00 00 00 80 0f 22 c0",  # cr0.PG = 1
    "ea 9f 00 0f 00 18 00",  # far jump to 18:000f009f
    # 64 bit, at 0x9f
    "31 c0 0f a2 0f 31",  # cpuid; rdtsc
    "48 c7 c7 00 00 20 00 48 c7 c1 00 00 40 00",  # rdi = 2 MiB; rcx = 4 Mi words
    "48 89 f8 f3 48 ab",  # fill them with 0x200000
    "48 c7 c6 00 00 20 00 48 c7 c1 00 00 40 00 48 31 d2",  # rsi = 2 MiB; rcx again; rdx = 0
    "48 03 16 48 83 c6 08 e2 f7",  #   loop: rdx += word
    "48 b8 00 00 00 00 00 08 00 00 48 39 c2 75 22",  # rdx = 0x80000000000? else stop
    "66 48 0f 6e c2 66 0f d4 c0 66 48 0f 7e c0",  # twice that, by SSE2
    "48 01 d2 48 39 c2 75 0c",  # and by the integer unit: equal? else stop
    "b0 4f e6 e9 b0 4b e6 e9",  # "O", "K" to the debug port
    "b0 10 e6 f4",  # 0x10 to the exit port
    "f4 eb fd",  # stop: hlt for ever
)
_segments_at = 0x108
_segments = (
    "00 00 00 00 00 00 00 00",
    "ff ff 00 00 00 9b cf 00",  # 08: 32-bit code
    "ff ff 00 00 00 93 cf 00",  # 10: data
    "ff ff 00 00 00 9b af 00",  # 18: 64-bit code
    "1f 00 08 01 0f 00",  # at 0x128: their size and place
)


def firmware() -> bytes:
    """What goes to QEMU's `-bios`."""
    image = bytearray(_bytes)
    code = bytes.fromhex("".join(_code))
    assert len(code) <= _segments_at
    image[: len(code)] = code
    segments = bytes.fromhex("".join(_segments))
    image[_segments_at : _segments_at + len(segments)] = segments
    jump = bytes.fromhex("ea 00 00 00 f0")  # far jump to F000:0000
    image[_reset_vector : _reset_vector + len(jump)] = jump
    return bytes(image)
