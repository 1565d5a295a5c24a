"""Evaluates a search on the read model, on indexes where it pays. It must not know HTTP."""

from __future__ import annotations

from gateway.read_model import ReadModel, Record
from protocol.registry import Resource


class Search:
    def __init__(self, model: ReadModel) -> None:
        self._model = model

    def find(self, resource: Resource, text: str, *, case_sensitive: bool) -> list[Record]:
        name = text.partition("=")[2].strip('" ')
        return self._model.named(resource.kind, name)
