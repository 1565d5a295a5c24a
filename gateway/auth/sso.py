"""The SSO endpoints that oVirt's clients call: token, revoke, log out."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.auth.gate import Gate
from protocol.errors import CorralError

_form_bytes_max = 16 * 1024


async def _form(request: Request) -> dict[str, str]:
    """The body as a form. The query is not read: a password in a URL ends in logs."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _form_bytes_max:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50))


def _error(status: int, error: str, text: str) -> Response:
    return JSONResponse({"error": error, "error_code": error, "error_description": text}, status_code=status)


def sso_routes(gate: Gate) -> list[Route]:
    """Routes of the sign-on service."""

    async def token(request: Request) -> Response:
        fields = await _form(request)
        if fields.get("grant_type", "password") != "password":
            return _error(400, "unsupported_grant_type", "Only the grant type password is supported.")
        user, password = fields.get("username", ""), fields.get("password", "")
        if not user or not password:
            return _error(400, "invalid_request", "A user name and a password are required.")
        address = request.client.host if request.client else ""
        try:
            made, session = await gate.login(user, password, address)
        except CorralError as error:
            refusal = error.refusal
            return _error(refusal.status if refusal.status == 429 else 401, "access_denied", str(refusal))
        return JSONResponse(
            {
                "access_token": made,
                "token_type": "bearer",
                "exp": str(int(session.expires * 1000)),
                "scope": fields.get("scope", "ovirt-app-api"),
            }
        )

    async def kerberos(request: Request) -> Response:
        return _error(401, "access_denied", "Kerberos is not supported in this release: use the grant type password.")

    async def revoke(request: Request) -> Response:
        fields = await _form(request)
        given = fields.get("token") or request.headers.get("authorization", "").partition(" ")[2]
        if given:
            await gate.logout(given)
        return JSONResponse({})

    return [
        Route("/ovirt-engine/sso/oauth/token", token, methods=["POST"]),
        Route("/ovirt-engine/sso/oauth/token-http-auth", kerberos, methods=["POST"]),
        Route("/ovirt-engine/sso/oauth/revoke", revoke, methods=["POST"]),
        Route("/ovirt-engine/services/sso-logout", revoke, methods=["POST"]),
    ]
