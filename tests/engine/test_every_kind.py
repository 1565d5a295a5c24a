"""A walk over all kinds of entities: add, refer, change, remove what is referred to, remove; each first as a dry run.

The documents are made from the registry, so that a new kind takes part by itself; `MORE` holds what a kind needs besides
its required attributes.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

import attrs
import pytest

from actors.command_router import ROUTES
from actors.inventory.kinds import KINDS as INVENTORY
from protocol.attributes import Attribute, attributes
from protocol.command import Add, Command, Remove, Update
from protocol.document import Ref
from protocol.errors import Refusal
from protocol.live.engine import Accepted, Principal, Submit
from protocol.parents import parents_of
from protocol.references import ReferencePath, reference_paths
from protocol.registry import BY_KIND, RESOURCES
from protocol.resource import Resource
from protocol.storage.model import HostStorage
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id

KINDS: Final = [resource for resource in RESOURCES if resource.add is not None and not resource.history]
FRESH: Final = frozenset({"data_center", "cluster", "network", "vnic_profile", "host"})
"""Kinds of which a new object is made for others to refer to; of the rest the installation has one."""
PRESENT: Final = {"storage_domain": "local", "template": "tiny"}
MORE: Final[dict[str, dict[str, Any]]] = {
    "disk": {"storage_domains": (Ref(id=named_id("local")),), "provisioned_size": 1 << 30},
    "storage_domain": {"host": Ref(id=named_id("host-0")), "type": "data", "storage": HostStorage(type="localfs", path="/more")},
}  # fmt: skip
GUEST: Final = Principal(user_id="g", name="guest@internal", administrator=False)


def _goes_along(resource: Resource, path: ReferencePath) -> bool:
    """What belongs to the object goes with it; a storage domain needs a host that is up, and goes where that is."""
    record = INVENTORY.get(resource.kind)
    return (record is not None and record.owner == path.path) or resource.kind == "storage_domain"


REFERENCES: Final = [
    (resource, path)
    for resource in KINDS
    for path in reference_paths(resource.cls)
    if path.writable and path.holds and path.kind in FRESH and not _goes_along(resource, path)
]


class Walk:
    """Gives commands, each first as a dry run that must change nothing."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.installation.world.add_storage("/more")
        self._numbers = itertools.count(1)

    async def give(self, command: Command) -> Accepted | Refusal:
        id = named_id(f"walk {next(self._numbers)}")
        if isinstance(command, Add):
            command = attrs.evolve(command, id=id)
        before = self.installation.store.tables.sequence
        dry = await self.installation.give(f"dry {id}", command, dry_run=True)
        assert self.installation.store.tables.sequence == before, "a dry run changes nothing"
        reply = await self.installation.give(id, command)
        assert type(dry) is type(reply), (dry, reply)
        if isinstance(dry, Refusal) and isinstance(reply, Refusal):
            assert dry.code == reply.code
        elif isinstance(dry, Accepted):
            assert dry.job_id == ""
        return reply

    async def add(self, resource: Resource, **more: Any) -> str:
        """A new object at rest."""
        document = self.document(resource, **more)
        reply = await self.give(self.command(resource.add, resource, document=document))
        assert isinstance(reply, Accepted), reply
        transient = resource.statuses.transient - {"installing"}
        await self.installation.until(
            resource.kind, reply.id, lambda found: getattr(found, "status", "") not in transient
        )
        return reply.id

    async def update(self, resource: Resource, id: str, **changes: Any) -> Accepted | Refusal:
        return await self.give(self.command(resource.update, resource, id=id, document=resource.cls(**changes)))

    async def remove(self, resource: Resource, id: str) -> Accepted | Refusal:
        reply = await self.give(self.command(resource.remove, resource, id=id))
        if isinstance(reply, Accepted):
            await self.installation.until_gone(resource.kind, id)
        return reply

    @staticmethod
    def command(cls: type[Command] | None, resource: Resource, **fields: Any) -> Command:
        assert cls is not None
        return cls(**fields, **({"kind": resource.kind} if resource.inventory else {}))

    def document(self, resource: Resource, **more: Any) -> Any:
        name = f"walk{next(self._numbers)}"
        given = _required(resource.cls, name) | MORE.get(resource.kind, {})
        for path in reference_paths(resource.cls):
            if len(path.names) == 1 and path.names[0] in given and path.names[0] not in MORE.get(resource.kind, {}):
                given[path.names[0]] = Ref(id=self.present(path.kind))
        return resource.cls(**(given | more))

    def present(self, kind: str) -> str:
        return (
            named_id(PRESENT[kind])
            if kind in PRESENT
            else str(next(iter(self.installation.engine.rows.all(BY_KIND[kind].cls))).id)
        )


def _required(cls: type[Any], name: str) -> dict[str, Any]:
    return {
        each.name: _value(each, name) for each in attributes(cls) if each.about.required and not each.about.read_only
    }


def _value(attribute: Attribute, name: str) -> Any:
    if attribute.type is Ref:
        return Ref()
    if attribute.type is str:
        return attribute.about.choices[0] if attribute.about.choices else name
    return attribute.type() if attrs.has(attribute.type) else attribute.type(attribute.about.minimum or 0)


def _referring(cls: type[Any], path: tuple[str, ...], id: str) -> dict[str, Any]:
    """The attributes of a document that refer to an object along a path."""
    attribute = next(each for each in attributes(cls) if each.name == path[0])
    value: Any = Ref(id=id)
    if len(path) > 1:
        inner = _required(attribute.type, "inner") | _referring(attribute.type, path[1:], id)
        value = attribute.type(**inner)
    return {path[0]: (value,) if attribute.many else value}


def _kinds_above(resource: Resource) -> list[str]:
    found: list[str] = []
    while (above := resource.within_kind) and above not in found:
        found.append(above)
        resource = BY_KIND[above]
    return found


@pytest.mark.parametrize("resource", KINDS, ids=lambda resource: resource.kind)
async def test_one_is_added_changed_and_removed(resource: Resource) -> None:
    async with small_installation(vms=0, hosts=1) as installation:
        walk = Walk(installation)
        id = await walk.add(resource)
        document = installation.document(resource.kind, id)
        above = [kind for kind, _ in parents_of(resource.kind, document, installation.engine.rows.document)]
        assert above == _kinds_above(resource), "it knows all that it lies in, up to the root"
        assert isinstance(await walk.update(resource, id, description="changed"), Accepted)
        await installation.until(resource.kind, id, lambda found: found.description == "changed")
        again = await walk.remove(resource, id)
        assert isinstance(again, Accepted), again
        gone = await walk.remove(resource, id)
        assert isinstance(gone, Refusal)
        assert gone.code == "not_found"


@pytest.mark.parametrize(
    ("resource", "path"), REFERENCES, ids=lambda each: each.kind if isinstance(each, Resource) else each.path
)
async def test_what_is_referred_to_stays(resource: Resource, path: ReferencePath) -> None:
    async with small_installation(vms=0, hosts=1) as installation:
        walk = Walk(installation)
        referred = BY_KIND[path.kind]
        astray = walk.document(resource, **_referring(resource.cls, path.names, named_id("nobody")))
        nothing = await walk.give(walk.command(resource.add, resource, document=astray))
        assert isinstance(nothing, Refusal), "it refers to what is not there"
        assert path.names[-1] in nothing.field, nothing
        referred_id = await walk.add(referred)
        id = await walk.add(resource, **_referring(resource.cls, path.names, referred_id))
        refusal = await walk.remove(referred, referred_id)
        assert isinstance(refusal, Refusal), f"a {path.kind} went from under a {resource.kind}"
        assert refusal.code == "conflict"
        name = installation.document(resource.kind, id).name
        assert any(name in reason for reason in refusal.reasons), refusal
        assert isinstance(await walk.remove(resource, id), Accepted)
        last = await walk.remove(referred, referred_id)
        assert isinstance(last, Accepted), last


async def test_every_command_asks_who_may_give_it() -> None:
    async with small_installation(vms=1) as installation:
        before = installation.store.tables.entities.copy()
        for command in ROUTES:
            submit = Submit(command_id=f"guest {command.__name__}", principal=GUEST, command=_minimal(command))
            reply = await installation.engine.command_router.submit(submit)
            assert isinstance(reply, Refusal), command
            assert reply.code == "forbidden", (command, reply)
        assert installation.store.tables.entities == before


def _minimal(command: type[Command]) -> Command:
    fields: dict[str, Any] = {"id": named_id("vm-0"), "parent_id": named_id("vm-0")}
    if issubclass(command, Add | Update):
        fields["document"] = next(each.cls for each in RESOURCES if each.kind == "cluster")()
    if issubclass(command, Add | Update | Remove) and "kind" in {field.name for field in attrs.fields(command)}:
        fields["kind"] = "cluster"
    for field in attrs.fields(command):
        if field.default is attrs.NOTHING and field.name not in fields:
            fields[field.name] = ""
    return command(**fields)
