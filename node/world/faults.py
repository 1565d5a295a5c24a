"""What may go wrong with one call of a simulated port."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from protocol.errors import CorralError


@attrs.frozen(kw_only=True)
class CallFault:
    """How one call goes wrong; the defaults are a call that goes well."""

    delay_seconds: float = 0.0
    fail: CorralError | None = None  # raised before any effect
    fail_after: CorralError | None = None  # raised after the effect, as a definite failure
    reply_lost: bool = False  # the effect happens, the caller gets `Unavailable`
    die_before: bool = False  # the node's process is killed before the effect
    die_after: bool = False  # killed after the effect, before the reply


FaultHook = Callable[[str, str, str], CallFault | None]
"""(host name, call, id of the VM or volume) -> what goes wrong, or None."""

well = CallFault()
