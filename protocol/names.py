"""What kinds and commands are called: as elements of documents, and in sentences."""

from __future__ import annotations

import re
from typing import Any

from protocol.command import Command
from protocol.statistic import Statistic


def element_of(cls: type[Any]) -> str:
    """The element of one document of a class: `<vnic_profile>`."""
    return element_of_name(cls.__name__)


def element_of_name(name: str) -> str:
    """The element of one reference to a type: `VnicProfile` -> `vnic_profile`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def plural_of(cls: type[Any]) -> str:
    """The element that wraps a list of them: `<vnic_profiles>`."""
    return "statistics" if cls is Statistic else element_of(cls) + "s"


_abbreviations = {"nic": "NIC", "vm": "VM", "vnic": "vNIC"}


def title_of(kind: str) -> str:
    """A kind or an element in a sentence: *data center*, *vNIC profile*."""
    return " ".join(_abbreviations.get(word, word) for word in kind.split("_"))


def description_of(command: type[Command], kind: str) -> str:
    """What a command does, for help and descriptions; a command that serves many kinds names this one."""
    title = title_of(kind)
    article = "an" if title[0] in "aeio" else "a"
    return " ".join((command.__doc__ or "").split()).replace("an object", f"{article} {title}", 1)
