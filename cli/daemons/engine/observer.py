"""Reports what happens in the engine's tree, to the log and the audit trail."""

from __future__ import annotations

from typing import Final

from cli.daemons.engine.wiring import Engine
from protocol.activity.audit import line
from protocol.activity.model import NAMED_IN_EVENTS
from protocol.document import kind_and_id
from supervisors.observe import Kind, Observed, Observer, log_observed

REPORTED: Final = {
    Kind.RESTARTED: "actor_restarted",
    Kind.GAVE_UP: "actor_given_up",
    Kind.ESCALATED: "actor_escalated",
}
"""What the audit trail says of it."""


def observer(engine: Engine) -> Observer:
    """Logs everything; restarts and escalations become lines of the audit trail as well."""

    def observe(observed: Observed) -> None:
        log_observed(observed)
        what = REPORTED.get(observed.kind)
        if what is None:
            return
        kind, id = kind_and_id(observed.address)
        refers = {kind: id} if kind in NAMED_IN_EVENTS else {}
        engine.audit(line(what, address=observed.address, incarnation=observed.incarnation, **refers))

    return observe
