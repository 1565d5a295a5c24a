"""Reports what happens in the engine's tree, to the log and the audit trail."""

from __future__ import annotations

from typing import Final

import attrs

from cli.daemons.engine.wiring import Engine
from protocol.activity.audit import line
from protocol.activity.model import Event
from protocol.registry import BY_KIND
from supervisors.observe import Kind, Observed, Observer, log_observed

REPORTED: Final = {
    Kind.RESTARTED: "actor_restarted",
    Kind.GAVE_UP: "actor_given_up",
    Kind.ESCALATED: "actor_escalated",
}
"""What the audit trail says of it."""


REFERENCES = frozenset(field.name for field in attrs.fields(Event)) & frozenset(BY_KIND)
"""The kinds that a line of the audit trail can refer to."""


def observer(engine: Engine) -> Observer:
    """Logs everything; restarts and escalations become lines of the audit trail as well."""

    def observe(observed: Observed) -> None:
        log_observed(observed)
        what = REPORTED.get(observed.kind)
        if what is None:
            return
        kind, _, id = observed.address.partition("/")
        refers = {kind: id} if kind in REFERENCES else {}
        engine.audit(line(what, address=observed.address, incarnation=observed.incarnation, **refers))

    return observe
