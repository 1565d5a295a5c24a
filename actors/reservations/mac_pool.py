"""A range of MAC addresses, which of them VMs have, and the next free one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

from protocol.document import Document
from protocol.errors import BadInput
from protocol.vm.model import Vm

_form: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def normalized(address: str) -> str:
    """A unicast address in lower case with colons. Raises `BadInput`."""
    text = address.strip().lower().replace("-", ":")
    if not _form.fullmatch(text):
        raise BadInput(
            f"{address!r:.40} is not a MAC address.", remedy="Give six octets as in 56:6f:01:02:03:04.", field="mac"
        )
    if int(text[:2], 16) & 1:
        raise BadInput(f"{text} is a multicast address.", remedy="Give a unicast one.", field="mac")
    if text == "00:00:00:00:00:00":
        raise BadInput(f"{text} is no station's address.", remedy="Give another one.", field="mac")
    return text


@attrs.frozen
class MacRange:
    """From `first` to `last`, both included. The default is locally administered: nobody sold these."""

    first: str = "56:6f:00:00:00:00"
    last: str = "56:6f:00:ff:ff:ff"

    def __attrs_post_init__(self) -> None:
        if _number(normalized(self.first)) > _number(normalized(self.last)):
            reason = f"The MAC range ends at {self.last}, before it begins at {self.first}."
            raise BadInput(reason, remedy="Swap the two in the engine's configuration.", field="mac_range")

    def __len__(self) -> int:
        return _number(self.last) - _number(self.first) + 1

    def at(self, place: int) -> str:
        """The address `place` steps after the first, going round."""
        digits = f"{_number(self.first) + place % len(self):012x}"
        return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def _number(address: str) -> int:
    return int(address.replace(":", ""), 16)


class MacIndex:
    """Who has which address, by the rows of the VMs. `observe` is an observer of `Rows`."""

    def __init__(self, addresses: MacRange) -> None:
        self.range = addresses
        self._owners: dict[str, set[str]] = {}
        self._of_vm: dict[str, tuple[str, ...]] = {}
        self._next = 0

    def observe(self, kind: str, id: str, document: Document | None) -> None:
        """Takes in a changed VM; `document` is None when it is gone."""
        if kind != "vm":
            return
        for address in self._of_vm.pop(id, ()):
            self._owners[address].discard(id)
            if not self._owners[address]:
                del self._owners[address]
        nics = (document.nics or ()) if isinstance(document, Vm) else ()
        addresses = tuple({nic.mac.address.lower(): None for nic in nics if nic.mac is not None and nic.mac.address})
        if addresses:
            self._of_vm[id] = addresses
        for address in addresses:
            self._owners.setdefault(address, set()).add(id)

    def other_owner(self, address: str, owner_id: str) -> str | None:
        """Another VM that has the address, if any."""
        return next((id for id in sorted(self._owners.get(address, ())) if id != owner_id), None)

    def take_free(self, held: Iterable[str]) -> str | None:
        """The next address that nobody has and that is not in `held`; None when the range is used up.

        It goes on behind the one taken last, so that an address which has just become free rests for a while.
        """
        taken = held if isinstance(held, set | frozenset | dict) else frozenset(held)
        for _ in range(len(self.range)):
            address = self.range.at(self._next)
            self._next = (self._next + 1) % len(self.range)
            if address not in self._owners and address not in taken and not int(address[:2], 16) & 1:
                return address
        return None
