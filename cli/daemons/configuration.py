"""Reads a daemon's configuration: one frozen class per process, from TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs

T = TypeVar("T")


class ConfigurationError(ValueError):
    """A file that is missing, no TOML, or names a setting that does not exist; the message says which."""


def read(path: Path, cls: type[T]) -> T:
    """The settings of `path` as a `cls`. Unknown ones are refused with the list of those that exist."""
    try:
        settings: dict[str, Any] = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    known = {field.name for field in attrs.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ConfigurationError(
            f"{path} has unknown settings {', '.join(unknown)}; known settings: {', '.join(sorted(known))}"
        )
    converter = cattrs.Converter()
    converter.register_structure_hook(Path, lambda value, _: Path(value))
    try:
        return converter.structure(settings, cls)
    except Exception as error:  # cattrs raises a group of whatever the fields raise
        raise ConfigurationError(f"{path}: {cattrs.transform_error(error)}") from error
