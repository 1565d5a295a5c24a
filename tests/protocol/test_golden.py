"""Every message gives the bytes that it gave before. A file of golden bytes must not be changed: see `golden.py`."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from protocol.codec import decode
from protocol.message import Message, MessageType, message_type_by_tag, upcast_of
from protocol.node.domain import DomainStatus
from tests.protocol import examples, golden
from tests.protocol.registering import registered

_old = sorted(golden.folder.glob("v*/*.txt"))


def what_to_do(entry: MessageType) -> str:
    return (
        f"{entry.cls.__name__} ({entry.tag}) is no longer what was stored and sent as version {entry.version}. "
        f"Give it version={entry.version + 1}; when a field was renamed, removed, retyped or got another default, "
        f'add @upcast("{entry.tag}", {entry.version}) beside it (fields that were only added need none); '
        f"then run: python -m tests.protocol.golden --write-missing. "
        f"Only if no release ever had it: delete {golden.path_of(entry).name} in {golden.path_of(entry).parent.name}/ first."
    )


@pytest.mark.parametrize("tag", examples.tags())
def test_a_message_gives_the_bytes_that_it_gave(tag: str) -> None:
    entry = examples.messages()[tag]
    path = golden.path_of(entry)
    assert path.exists(), f"{tag} has no golden bytes. Run: python -m tests.protocol.golden --write-missing"
    changes = golden.changes(entry, golden.read(path))
    assert not changes, f"{'; '.join(changes)}. {what_to_do(entry)}"


@pytest.mark.parametrize("path", _old, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_bytes_of_every_version_are_read(path: object) -> None:
    assert isinstance(path, golden.pathlib.Path)
    entry = message_type_by_tag(path.stem)
    assert entry is not None, (
        f"{path.stem} is no message any more, but rows and peers may still hold it: keep its class, or delete {path.name} "
        "when nothing can"
    )
    version = int(path.parent.name[1:])
    assert version <= entry.version, f"{path.stem} went back from version {version} to {entry.version}"
    assert type(decode(golden.read(path).full)) is entry.cls
    assert type(decode(golden.read(path).minimal)) is entry.cls


def test_the_example_sets_every_field() -> None:
    for entry in examples.messages().values():
        example = examples.example(entry.cls)
        for field in attrs.fields(entry.cls):
            assert getattr(example, field.name) != field.default, f"{entry.cls.__name__}.{field.name}"


def test_upcasters_lead_to_versions_that_exist() -> None:
    for tag, entry in examples.messages().items():
        assert upcast_of(tag, entry.version) is None, f"the upcaster of {tag} from {entry.version} leads nowhere"


def test_the_command_writes_what_is_missing_and_overwrites_nothing(
    tmp_path: golden.pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(golden, "folder", tmp_path / "tests" / "data" / "golden")
    assert golden.main(["--write-missing"]) == 0
    kept = golden.path_of(examples.messages()["node.done"])
    kept.write_text("mine")
    golden.path_of(examples.messages()["node.step_done"]).unlink()
    assert golden.main(["--write-missing"]) == 0
    assert kept.read_text() == "mine"
    assert "node.step_done.txt" in capsys.readouterr().out.splitlines()[-2]
    assert golden.main([]) == 2


# --- the watchman watched: what a change of a message looks like to the test ------------------------------------------


@attrs.frozen(kw_only=True)
class Inner:
    size: int = 0


@attrs.frozen(kw_only=True)
class First(Message):
    name: str
    count: int = 3
    priority: DomainStatus = DomainStatus.ABSENT
    inner: Inner = Inner()
    rows: tuple[tuple[str, int], ...] = ()


def make_like_first(field: str, hint: Any, default: Any = attrs.NOTHING, *, name: str = "Other") -> type[Any]:
    """`First` with one field otherwise: of type `hint`, or without it when `hint` is None."""
    made = {each.name: attrs.field(type=hinted, default=each.default) for each, hinted in examples.fields(First)}
    made.pop(field, None)
    if hint is not None:
        made[field] = attrs.field(type=eval(hint) if isinstance(hint, str) else hint, default=default)
    return attrs.make_class(name, made, bases=(Message,), frozen=True, kw_only=True)


def changes_to(cls: type[object]) -> list[str]:
    """What the test would say when `First` had become `cls` under the same tag and version."""
    with registered("test.golden", First) as entry:
        kept = golden.present(entry)
    with registered("test.golden", cls) as entry:
        return golden.changes(entry, kept)


def test_no_change_is_no_change() -> None:
    assert changes_to(First) == []


def test_a_renamed_field_is_seen() -> None:
    @attrs.frozen(kw_only=True)
    class Renamed(Message):
        title: str
        count: int = 3
        priority: DomainStatus = DomainStatus.ABSENT
        inner: Inner = Inner()
        rows: tuple[tuple[str, int], ...] = ()

    found = changes_to(Renamed)
    assert "Renamed.name is gone" in found
    assert "title is new" in found


def test_a_removed_field_is_seen() -> None:
    found = changes_to(make_like_first("count", None))
    assert "Other.count is gone" in found


@pytest.mark.parametrize("hint", ["str", "float", "bool", "tuple[int, ...]"])
def test_a_field_of_another_type_is_seen(hint: str) -> None:
    assert changes_to(make_like_first("count", hint))


def test_another_default_is_seen() -> None:
    assert "it was so that First.count = 3" in changes_to(make_like_first("count", "int", 4, name="First"))


def test_a_wider_row_is_seen() -> None:
    assert changes_to(make_like_first("rows", "tuple[tuple[str, int, int], ...]", ()))


def test_a_field_that_was_added_is_seen_in_the_message_itself() -> None:
    assert changes_to(make_like_first("extra", "str", "", name="First")) == ["extra is new"]


def test_a_field_that_was_added_to_what_a_message_holds_is_no_change() -> None:
    wider = attrs.make_class("Inner", {"size": attrs.field(type=int, default=0)}, frozen=True, kw_only=True)
    wider = attrs.make_class(
        "Inner", {"more": attrs.field(type=str, default="")}, bases=(wider,), frozen=True, kw_only=True
    )
    assert changes_to(make_like_first("inner", wider, wider(), name="First")) == []


def test_what_to_do_is_said() -> None:
    advice = what_to_do(examples.messages()["node.done"])
    assert "version=2" in advice
    assert '@upcast("node.done", 1)' in advice
    assert "--write-missing" in advice
