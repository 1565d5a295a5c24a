"""The hypervisor contract on real QEMUs of a private libvirtd, with a small guest that boots in seconds."""

from __future__ import annotations

import pytest

from tests.node.hypervisor.contract import HypervisorContract
from tests.real.guest import harness

pytestmark = pytest.mark.real

__all__ = ["harness"]


class TestRealHypervisor(HypervisorContract):
    """The whole contract."""
