"""S17: bytes from a guest change only that VM's own agent record; a node ends only the steps that it was asked for.

Ground truth is the bytes: every text that the guest of a VM sends bears a mark of that VM, so that it can be found.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

_mark = re.compile(rb"guest~([0-9a-f]{8})")


def mark_of(vm_id: str) -> str:
    """What the guest of this VM puts into every text."""
    return f"guest~{vm_id[:8]}"


def check_entity(kind: str, id: str, document: bytes) -> Iterator[str]:
    """A public document: only a VM's own may bear a mark, and only its own one."""
    for found in _mark.findall(document):
        if kind != "vm" or found.decode() != id[:8]:
            yield f"{kind} {id} shows what the guest of VM {found.decode()}... said"
            return


def check_message(tag: str, vm_id: str, message: bytes) -> Iterator[str]:
    """A message that a node sends: marks only in the reports of the VM that it names."""
    for found in _mark.findall(message):
        if tag not in ("node.guest_report", "node.guest_silent") or found.decode() != vm_id[:8]:
            yield f"a {tag} of VM {vm_id or '-'} bears what the guest of VM {found.decode()}... said"
            return


def check_steps(job_id: str, ended: Iterable[int], proven: Collection[tuple[str, int]]) -> Iterator[str]:
    """A step on a host ends by what that host says of it, and by nothing that another one says."""
    for number in ended:
        if (job_id, number) not in proven:
            yield f"step {number} of job {job_id} ended, and its host said nothing of it"


LIAR = "a liar says so"
"""What a lying node says of a VM or a storage domain that is another host's."""


ESCAPE = "\x1b[31m"
"""What it puts into its own name: a terminal would obey."""


def check_lies(kind: str, id: str, row: bytes) -> Iterator[str]:
    """Nothing that a node says of what is elsewhere is kept, and nothing that a terminal would obey."""
    if LIAR.encode() in row:
        yield f"{kind} {id} has what a host said that has nothing to do with it"
    if ESCAPE.encode() in row:
        yield f"{kind} {id} has an escape character"
