"""The simulated guest runs on simulated time."""

from tests.node.simulated_time import pytest_itemcollected

__all__ = ["pytest_itemcollected"]
