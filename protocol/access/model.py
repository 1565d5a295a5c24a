"""Users, as the API shows them: never with a password."""

from __future__ import annotations

import attrs

from protocol.document import Document, attribute
from protocol.message import message


@message("model.user")
@attrs.frozen(kw_only=True)
class User(Document):
    id: str | None = attribute(as_xml_attribute=True)
    name: str | None = attribute(search="name", column=2)
    last_name: str | None = attribute(search="lastname")
    user_name: str | None = attribute(required=True, search="usrname", column=1)
    principal: str | None = attribute(read_only=True)
    email: str | None = attribute(search="email")
    namespace: str | None = attribute()
    domain_entry_id: str | None = attribute()
    department: str | None = attribute()
