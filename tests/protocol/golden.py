"""Golden bytes: what every message looks like on the wire and in the journal, kept as files beside the tests.

`python -m tests.protocol.golden --write-missing` writes the files that are missing. It must not overwrite one: bytes
that were sent or stored stay readable, so a message that changes gets a new version and a new file beside the old one.

One file for a message and its version, `tests/data/golden/v<version>/<tag>.txt`:

    full      the bytes of the example in which every field is set, in hexadecimal
    minimal   the bytes of an object with required fields alone
    fact      one line for each default that is not None (a field that is left out on the wire means it), and for each
              member of an enumeration
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator
from typing import Any, Final

import attrs

from protocol.codec import decode, encode, unstructure
from protocol.message import MessageType
from protocol.packing import CodecError, unpack
from tests.protocol import examples

folder: Final = pathlib.Path(__file__).parent.parent / "data" / "golden"


@attrs.frozen(kw_only=True)
class Golden:
    """What one file says."""

    full: bytes
    minimal: bytes
    facts: frozenset[str]

    def text(self) -> str:
        lines = [f"full {self.full.hex()}", f"minimal {self.minimal.hex()}"]
        return "\n".join([*lines, *(f"fact {fact}" for fact in sorted(self.facts))]) + "\n"


def path_of(entry: MessageType) -> pathlib.Path:
    """Where the golden file of a message's present version is."""
    return folder / f"v{entry.version}" / f"{entry.tag}.txt"


def read(path: pathlib.Path) -> Golden:
    """A golden file. Raises `ValueError` when it is none."""
    parts = [line.partition(" ")[::2] for line in path.read_text(encoding="utf-8").splitlines()]
    fields = dict(parts)
    return Golden(
        full=bytes.fromhex(fields["full"]),
        minimal=bytes.fromhex(fields["minimal"]),
        facts=frozenset(rest for kind, rest in parts if kind == "fact"),
    )


def present(entry: MessageType) -> Golden:
    """What the file of a message would say now."""
    return Golden(
        full=encode(examples.example(entry.cls)),
        minimal=encode(examples.minimal(entry.cls)),
        facts=frozenset(_facts(entry.cls)),
    )


def changes(entry: MessageType, kept: Golden) -> list[str]:
    """What the present version of a message no longer does as its golden file says; empty when it holds.

    The message's own fields must be the same. A class that it holds (a document, say) may have got a field more: old bytes
    are read as before, and a message of its own tells that it grew.
    """
    now = present(entry)
    found = list(_differences(unpack(kept.full)[2], unpack(now.full)[2], entry.cls.__name__))
    found += [f"{name} is new" for name in unpack(now.full)[2].keys() - unpack(kept.full)[2].keys()]
    found += [f"it was so that {fact}" for fact in sorted(kept.facts - now.facts)]
    for bytes_kept in (kept.full, kept.minimal):
        try:
            if unpack(encode(decode(bytes_kept))) != unpack(bytes_kept):  # the order of fields says nothing
                found.append("what was stored is written differently once it was read")
        except CodecError as error:
            found.append(f"what was stored is not read any more: {error}")
    return found


def _differences(kept: Any, now: Any, path: str) -> Iterator[str]:
    if isinstance(kept, dict) and isinstance(now, dict):
        for name, value in kept.items():
            if name in now:
                yield from _differences(value, now[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is gone"
    elif isinstance(kept, list) and isinstance(now, list) and len(kept) == len(now):
        for index, value in enumerate(kept):
            yield from _differences(value, now[index], f"{path}[{index}]")
    elif type(kept) is not type(now) or kept != now:
        yield f"{path} was written {kept!r:.60} and is written {now!r:.60}"


def _facts(cls: type[Any]) -> Iterator[str]:
    for hint in examples.enumerations(cls):
        yield from (f"{hint.__name__} has {member.value!r}" for member in hint)
    yield from _defaults(cls)


def _defaults(cls: type[Any]) -> Iterator[str]:
    for reached in examples.reachable(cls):
        for field in attrs.fields(reached):
            if field.default is not attrs.NOTHING and field.default is not None:
                yield f"{reached.__name__}.{field.name} = {unstructure(field.default)!r}"


def write_missing() -> list[pathlib.Path]:
    """Writes a file for every message that has none at its present version; returns what was written."""
    written = []
    for entry in examples.messages().values():
        path = path_of(entry)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(present(entry).text(), encoding="utf-8")
            written.append(path)
    return written


def main(arguments: list[str]) -> int:
    """The command. Returns its exit code."""
    if arguments != ["--write-missing"]:
        print(__doc__, file=sys.stderr)
        return 2
    written = write_missing()
    for path in written:
        print(path.relative_to(folder.parent.parent.parent))
    print(f"{len(written)} written, {len(examples.messages()) - len(written)} were there")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
