"""What the engine's tree tells about itself, into the log and the audit trail. It must not act on it."""

from __future__ import annotations

from protocol.audit import line
from supervisors.engine_tree import Engine
from supervisors.observe import Kind, Observed, Observer, log_observed

REPORTED = {
    Kind.RESTARTED: ("actor_restarted", "normal", "was restarted after a crash"),
    Kind.GAVE_UP: (
        "actor_escalated",
        "error",
        "crashed too often and was given up; it starts again when it is asked something",
    ),
    Kind.ESCALATED: ("actor_escalated", "error", "failed to its supervisor"),
}


def observer(engine: Engine) -> Observer:
    """Logs everything; restarts and escalations become lines of the audit trail as well."""

    def observe(observed: Observed) -> None:
        log_observed(observed)
        entry = REPORTED.get(observed.kind)
        if entry is None:
            return
        code, severity, text = entry
        kind, _, id = observed.address.partition("/")
        refers = {kind: id} if kind in ("vm", "host", "template", "storage_domain") else {}
        description = f"Actor {observed.address} {text} (incarnation {observed.incarnation})."
        engine.audit(line(code, description, severity=severity, **refers))

    return observe
