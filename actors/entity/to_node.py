"""What goes to a node for an effect: the message, with the engine's epoch, which is put in when it leaves. Pure."""

from __future__ import annotations

from actors.entity.decision import AcknowledgeStep, AcknowledgeStopped, Effect, RequestReport, RunStep, StopStep
from protocol.message import Message
from protocol.node.commands import CancelStep, ForgetSteps, NodeCommand, ReportNow


def to_node(effect: Effect, epoch: int) -> tuple[str, Message] | None:
    """The id of the host and the message; None for an effect that concerns no node."""
    match effect:
        case RunStep(step=step, body=body, correlation_id=correlation):
            return step.host, NodeCommand(epoch=epoch, step_id=str(step), body=body, correlation_id=correlation)
        case StopStep(step=step):
            return step.host, CancelStep(epoch=epoch, step_id=str(step))
        case AcknowledgeStep(step=step):
            return step.host, ForgetSteps(epoch=epoch, step_ids=(str(step),))
        case AcknowledgeStopped(host_id=host_id, receipt=receipt):
            return host_id, ForgetSteps(epoch=epoch, step_ids=(receipt,))
        case RequestReport(host_id=host_id):
            return host_id, ReportNow(epoch=epoch)
    return None
