"""What is said of a resource of the API: its class and address, its commands and actions, what lies below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from protocol.attributes import attributes, effects_of
from protocol.command import Add, Command, Remove, Update
from protocol.document import Document, Identified, TakesEffect
from protocol.inventory.assignment_commands import Assign
from protocol.names import element_of, element_of_name, plural_of, title_of


@attrs.frozen(kw_only=True)
class Parameter:
    """One parameter of an action or a query: its name in the `<action>` body and the command's field."""

    name: str
    type: Any
    doc: str = ""
    effect: TakesEffect | None = None  # None: as the command's field says


@attrs.frozen(kw_only=True)
class Action:
    """`POST {object}/{name}`; builds `command(id=..., parent_id=..., **parameters)`."""

    name: str
    command: type[Command]
    parameters: tuple[Parameter, ...] = ()
    result: str = ""  # element of the action reply that carries `Accepted.result`
    extension: bool = False
    not_yet: str = ""  # this release refuses it: what to do instead

    def effect_of(self, parameter: Parameter) -> TakesEffect | None:
        """When a parameter does something; a nested document says it of its attributes."""
        if parameter.effect is not None:
            return parameter.effect
        return effects_of(self.command).get(parameter.name)


@attrs.frozen(kw_only=True)
class SubCollection:
    """A collection below one object.

    `source` says where its members come from: `nested` = the attribute of that name in the parent's document;
    `filter` = objects of `kind` whose reference `by` is the parent, to whose own actor commands go; `statistics` = latest
    samples; `assigned` = objects of `kind` that are assigned to the parent.
    """

    rel: str
    tag: str
    item: type[Identified]
    source: str
    attribute: str = ""
    by: str = ""
    kind: str = ""
    add: type[Command] | None = None  # an `Add`, or what assigns an object that is there already
    update: type[Update] | type[Assign] | None = None
    remove: type[Command] | None = None
    actions: tuple[Action, ...] = ()  # of its members
    sub: tuple[SubCollection, ...] = ()


@attrs.frozen(kw_only=True)
class StatusMarks:
    """What the statuses of a kind mean: `transient` ones end by themselves, in `running` ones a VM works for its users,
    `bad` ones want somebody's eye. The others are at rest. `waits_for`: what ends a transient one, for who waits."""

    transient: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    bad: frozenset[str] = frozenset()
    waits_for: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Resource:
    """A root collection: `GET /{rel}`, `GET /{rel}/{id}`, and what else its commands allow."""

    kind: str  # in the journal and in subscriptions
    rel: str
    cls: type[Document]
    add: type[Add] | None = None
    update: type[Update] | None = None
    remove: type[Remove] | None = None
    actions: tuple[Action, ...] = ()
    sub: tuple[SubCollection, ...] = ()
    searchable: bool = True
    statuses: StatusMarks = StatusMarks()
    within: str = ""  # the reference to what it lies in: permissions there hold here
    internal: tuple[type[Command], ...] = ()  # commands that no client gives
    history: bool = False  # it tells of other objects and holds none of them: jobs, events
    owned: bool = False  # each tells of one object by its attribute `object`, to which its commands go: jobs
    inventory: bool = False  # served by the shared inventory actor
    unique_within: str = ""  # the reference within which names are unique; "": everywhere, if it is `named` at all
    named: bool = True
    assigned_to: tuple[str, ...] = ()  # the kinds that hold some of these: each gets a sub-collection of that name
    assigned_attributes: Mapping[str, TakesEffect] = attrs.field(factory=dict)  # those that each holder sets for itself

    @property
    def plural_tag(self) -> str:
        """The element that wraps a list: `<data_centers>`."""
        return plural_of(self.cls)

    @property
    def tag(self) -> str:
        """The element of one: `<data_center>`."""
        return element_of(self.cls)

    @property
    def within_kind(self) -> str:
        """The kind of what it lies in, "" for nothing."""
        about = next((each.about for each in attributes(self.cls) if each.name == self.within), None)
        return element_of_name(about.refers) if about else ""

    @property
    def tree(self) -> str:
        """The reference to another one of this kind that it lies below, "" for a kind without a tree."""
        return self.within if self.within_kind == self.kind else ""

    @property
    def served_by(self) -> str:
        """The kind of the actor that its commands go to: its own, or the inventory's for all without behaviour. Those
        on what is `owned` go on to its owner."""
        return "inventory" if self.inventory or (self.history and not self.owned) else self.kind

    @property
    def title(self) -> str:
        """The kind in a sentence: *data center*, *vNIC profile*."""
        return title_of(self.kind)


def below(owner: Resource | SubCollection) -> Iterator[SubCollection]:
    """Every sub-collection of an object, and those of its members."""
    for sub in owner.sub:
        yield sub
        yield from below(sub)


def commands_of(owner: Resource | SubCollection) -> Iterator[type[Command]]:
    """The commands on its objects that a client can give."""
    changes = (owner.add, owner.update, owner.remove)
    yield from (command for command in (*changes, *(action.command for action in owner.actions)) if command is not None)


def actions_below(resource: Resource) -> Iterator[Action]:
    """The actions of an object and of what lies below it."""
    yield from resource.actions
    for sub in below(resource):
        yield from sub.actions
