"""Evaluates a search on a view of the read model, with indexes where it pays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.read_model.model import Record
from gateway.read_model.view import Reads
from gateway.search.compare import comparison
from gateway.search.grammar import All, AnyOf, Query, Term, Text, parse_search
from gateway.search.keys import Key, keys_of, kind_named, references_between, values_at
from protocol.document import Ref
from protocol.errors import BadInput
from protocol.registry import BY_KIND
from protocol.resource import Resource

Test = Callable[[Record], bool]
_page_records: Final = 100


class Search:
    """Finds records of one kind."""

    def __init__(self, view: Reads) -> None:
        self._view = view

    def find(self, resource: Resource, text: str, *, case_sensitive: bool = True) -> list[Record]:
        """Raises `BadInput` for what cannot be read, and for a key that is not known, naming those that are."""
        query = parse_search(text)
        if query.prefix and kind_named(query.prefix) != resource.kind:
            raise BadInput(
                f"The search is for {query.prefix!r:.80}, the collection is {resource.rel!r}.",
                remedy=f"Write {resource.rel.capitalize()}: or no prefix.", field="search",
            )  # fmt: skip
        found = self._candidates(resource.kind, query.condition)
        if query.condition is not None:
            test = self._test(resource.kind, query.condition, case_sensitive)
            found = [record for record in found if test(record)]
        return _page(self._sorted(resource.kind, found, query), query.page)

    # Candidates: the smallest set that an index gives

    def _candidates(self, kind: str, condition: Any) -> list[Record]:
        terms = condition.parts if isinstance(condition, All) else (condition,)
        for term in terms:
            if not isinstance(term, Term) or term.operator != "=" or "*" in term.value:
                continue
            if term.key == ("name",) and kind not in ("event",):
                return self._view.named_any_case(kind, term.value)
            if term.key == ("id",):
                record = self._view.get(kind, term.value)
                return [record] if record is not None else []
            key = keys_of(kind).get(term.key[0]) if len(term.key) == 1 else None
            if key is not None and key.assigned:
                return self._holders(kind, key.assigned, term.value)
            if key is not None and key.reference and len(key.path) == 1 and kind != "event":
                targets = [record.id for record in self._view.named_any_case(key.reference, term.value)]
                found = (self._view.referring(kind, key.path[0], id) for id in {*targets, term.value})
                unique = {record.id: record for records in found for record in records}
                return sorted(unique.values(), key=lambda record: record.ordinal)
        return self._view.all(kind)

    def _holders(self, kind: str, relation: str, value: str) -> list[Record]:
        """Those to which the object of that name is assigned, or one below it."""
        path, below = BY_KIND[relation].tree, set[str]()
        due = [record.id for record in self._view.named_any_case(relation, value)]
        while due:
            id = due.pop()
            if id not in below:
                below.add(id)
                due += [record.id for record in self._view.referring(relation, path, id)] if path else []
        found = {record.id: record for id in below for record in self._view.holders(kind, relation, id)}
        return sorted(found.values(), key=lambda record: record.ordinal)

    # Tests

    def _test(self, kind: str, condition: Any, case_sensitive: bool) -> Test:
        if isinstance(condition, All):
            tests = [self._test(kind, part, case_sensitive) for part in condition.parts]
            return lambda record: all(test(record) for test in tests)
        if isinstance(condition, AnyOf):
            tests = [self._test(kind, part, case_sensitive) for part in condition.parts]
            return lambda record: any(test(record) for test in tests)
        if isinstance(condition, Text):
            return self._text(kind, condition.value, case_sensitive)
        assert isinstance(condition, Term)
        return self._term(kind, condition, case_sensitive)

    def _text(self, kind: str, text: str, case_sensitive: bool) -> Test:
        """Bare text: in any text that the kind can be searched by. Around it anything may stand."""
        if text.strip("*") == "":
            return lambda _: True
        match = comparison(Key((), str), "=", text if "*" in text else f"*{text}*", case_sensitive)
        keys = [key for key in keys_of(kind).values() if key.type is str and not key.assigned]
        return lambda record: any(match(value) for key in keys for value in self._values(key, record))

    def _term(self, kind: str, term: Term, case_sensitive: bool) -> Test:
        key = keys_of(kind).get(".".join(term.key)) or keys_of(kind).get(term.key[0] if len(term.key) == 1 else "")
        if key is not None:
            return self._own(key, term, case_sensitive)
        target = kind_named(term.key[0])
        if not target:
            raise _unknown(kind, term)
        rest = term.key[1:] or ("name",)
        if target == kind:
            return self._term(kind, Term(rest, term.operator, term.value), case_sensitive)
        return self._across(kind, target, Term(rest, term.operator, term.value), term, case_sensitive)

    def _own(self, key: Key, term: Term, case_sensitive: bool) -> Test:
        match = comparison(key, term.operator, term.value, case_sensitive)
        if term.operator == "!=":  # of several values, none may be the one
            return lambda record: all(match(value) for value in self._values(key, record))
        return lambda record: any(match(value) for value in self._values(key, record))

    def _across(self, kind: str, target: str, inner: Term, term: Term, case_sensitive: bool) -> Test:
        """A condition on another entity: found once, then looked up by the references between the two."""
        wanted = inner if inner.operator != "!=" else Term(inner.key, "=", inner.value)
        test = self._test(target, wanted, case_sensitive)
        found = {record.id for record in self._candidates(target, wanted) if test(record)}
        forward = references_between(kind, target)
        backward = references_between(target, kind) if not forward else ()
        if not forward and not backward:
            raise _unknown(kind, term)
        if backward:
            found = {id for path in backward for other in found for id in self._reach(target, other, path)}
            hit: Test = lambda record: record.id in found  # noqa: E731
        else:

            def hit(record: Record) -> bool:
                return any(found & self._reach_from(record, path) for path in forward)

        return hit if inner.operator != "!=" else lambda record: not hit(record)

    def _reach(self, kind: str, id: str, path: tuple[str, ...]) -> set[str]:
        record = self._view.get(kind, id)
        return self._reach_from(record, path) if record is not None else set()

    def _reach_from(self, record: Record, path: tuple[str, ...]) -> set[str]:
        """Ids at the end of a path of references."""
        records, ids = [record], set[str]()
        for step in path:
            ids = {
                value.id
                for at in records
                for value in values_at(at.document, step.split("/"))
                if getattr(value, "id", "")
            }
            records = [found for id in ids if (found := self._anywhere(id)) is not None]
        return ids

    def _anywhere(self, id: str) -> Record | None:
        return next((found for kind in self._view.kinds() if (found := self._view.get(kind, id)) is not None), None)

    def _values(self, key: Key, record: Record) -> list[Any]:
        """Plain values; a reference counts by its object's name and by its id, what is assigned by its name and those of
        all that it lies below."""
        if key.assigned:
            return [each.document.name for each in self._with_ancestors(key.assigned, record)]
        values: list[Any] = []
        for value in values_at(record.document, key.path):
            if isinstance(value, Ref):
                target = self._view.get(key.reference, value.id) if key.reference and value.id else None
                if target is not None:
                    name = getattr(target.document, "name", None) or getattr(target.document, "user_name", None)
                    values += [name] if name else []
                values += [value.id] if value.id else []
            else:
                values.append(value)
        return values

    def _with_ancestors(self, relation: str, holder: Record) -> list[Record]:
        found: dict[str, Record] = {}
        for record in self._view.assigned(holder.kind, holder.id, relation):
            above: Record | None = record
            while above is not None and above.id not in found:
                found[above.id] = above
                owner = getattr(above.document, BY_KIND[relation].tree, None)
                above = self._view.get(relation, owner.id) if owner is not None and owner.id else None
        return list(found.values())

    # Order

    def _sorted(self, kind: str, found: list[Record], query: Query) -> list[Record]:
        if not query.sort:
            return newest_first(found) if kind == "job" else found
        key = keys_of(kind).get(".".join(query.sort)) or keys_of(kind).get(query.sort[-1])
        if key is None:
            raise _unknown(kind, Term(query.sort, "=", ""))

        def rank(record: Record) -> tuple[bool, Any]:
            values = self._values(key, record)
            return (bool(values), values[0] if values else "")

        return sorted(found, key=rank, reverse=query.descending)


def newest_first(jobs: list[Record]) -> list[Record]:
    """Jobs as people look for them: by their start, the last one first."""
    return sorted(jobs, key=_start, reverse=True)


def _start(job: Record) -> tuple[bool, Any, int]:
    start = job.document.start_time
    return start is not None, start, job.ordinal


def _page(found: list[Record], page: int) -> list[Record]:
    return found if page == 0 else found[(page - 1) * _page_records : page * _page_records]


def _unknown(kind: str, term: Term) -> BadInput:
    return BadInput(
        f"A search for {kind!r} has no key {'.'.join(term.key)!r:.100}.",
        remedy="Known keys: "
        + ", ".join(sorted(keys_of(kind)))
        + "; and those of related objects: cluster.name, host.name, ...",
        field="search",
    )
