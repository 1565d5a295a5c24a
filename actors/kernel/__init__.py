"""The parts of every actor: mailbox, ref, loop, ports, directory."""

from actors.kernel.actor import Actor, Context
from actors.kernel.directory import Directory
from actors.kernel.envelope import Answer, Envelope
from actors.kernel.failures import ActorCrashed, ActorGone, AskTimeout, MailboxFull
from actors.kernel.mailbox import Carrier, Mailbox, codec_carrier, identity_carrier
from actors.kernel.ports import Clock, Ids, Ports, Random
from actors.kernel.ref import ActorRef

__all__ = [
    "Actor",
    "ActorCrashed",
    "ActorGone",
    "ActorRef",
    "Answer",
    "AskTimeout",
    "Carrier",
    "Clock",
    "Context",
    "Directory",
    "Envelope",
    "Ids",
    "Mailbox",
    "MailboxFull",
    "Ports",
    "Random",
    "codec_carrier",
    "identity_carrier",
]
