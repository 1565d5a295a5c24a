"""Turns a refusal into oVirt's fault document. It must not decide whether something is refused."""

from __future__ import annotations

from gateway.documents.render import JSON_TYPE, XML_DECLARATION, XML_TYPE, json_bytes, xml_bytes
from protocol.errors import Refusal


def fault_body(refusal: Refusal, *, as_json: bool) -> tuple[bytes, str]:
    """Body and content type: `reason` says what, `detail` names the field, details and the remedy."""
    parts = [f"[{refusal.field}]" if refusal.field else "", *refusal.reasons, refusal.remedy]
    plain = {"reason": refusal.reason, "detail": " ".join(part for part in parts if part)}
    if not plain["detail"]:
        del plain["detail"]
    if as_json:
        return json_bytes(plain), JSON_TYPE
    return XML_DECLARATION + xml_bytes("fault", plain), XML_TYPE
