"""One assignment: an object of one kind (right) assigned to an object of another (left), such as a tag to a VM."""

from __future__ import annotations

from typing import Final

import attrs

from protocol.document import Document, Ref, attribute, id_of
from protocol.message import Message, message

ASSIGNMENT: Final = "assignment"


@message("model.assignment")
@attrs.frozen(kw_only=True)
class Assignment(Document):
    """`relation` is the kind of the right side, which declares who may hold it; `holder` is the kind of the left one.

    `attributes` is a document of the right side's class with what it is for this holder alone, None where nothing is said.
    """

    id: str | None = attribute(as_xml_attribute=True)
    relation: str | None = attribute()
    holder: str | None = attribute()
    left: Ref | None = attribute()
    right: Ref | None = attribute()
    attributes: Message | None = attribute()

    @property
    def sides(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Kind and id of left and right."""
        assert self.left is not None
        assert self.right is not None
        return (self.holder or "", id_of(self.left)), (self.relation or "", id_of(self.right))
