"""Names what is not a step but is repeated by a node until the engine has made it durable: the end of a domain.

The engine puts this name among `ForgetSteps.step_ids`.
"""

from __future__ import annotations

from protocol.node.reports import DomainChanged


def stopped_receipt(change: DomainChanged) -> str:
    """The name under which a node keeps a `DomainChanged` that says *stopped*: one for each start of a VM."""
    return f"stopped/{change.domain.vm_id}/{change.domain.started_step_id}"
