"""Maps addresses to refs."""

from __future__ import annotations

from collections.abc import Iterator

from actors.kernel.ref import ActorRef


class Directory:
    """The addresses of one process, in the order in which they were registered."""

    def __init__(self) -> None:
        self._refs: dict[str, ActorRef] = {}

    def __len__(self) -> int:
        return len(self._refs)

    def register(self, ref: ActorRef) -> None:
        """Raises `ValueError` when another ref has the address."""
        if self._refs.setdefault(ref.address, ref) is not ref:
            raise ValueError(f"address {ref.address!r} is taken")

    def unregister(self, ref: ActorRef) -> None:
        """Without effect when the address belongs to another ref by now."""
        if self._refs.get(ref.address) is ref:
            del self._refs[ref.address]

    def find(self, address: str) -> ActorRef | None:
        return self._refs.get(address)

    def under(self, prefix: str) -> Iterator[ActorRef]:
        """The refs whose address starts with `prefix`, oldest first. Walks all addresses: for people and tests."""
        return iter([ref for address, ref in self._refs.items() if address.startswith(prefix)])
