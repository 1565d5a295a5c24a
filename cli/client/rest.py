"""A REST client in JSON over one kept connection: requests, names to ids, lists unwrapped."""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from cli.client.contexts import GatewayContext
from cli.problems import LoggedOut, Problem, Remote, fault_text

API = "/ovirt-engine/api"
TOKEN = "/ovirt-engine/sso/oauth/token"
REVOKE = "/ovirt-engine/services/sso-logout"

Document = dict[str, Any]

_answer_bytes_max = 256 * 1024 * 1024
_idle_seconds_max = 4.0  # below the gateway's keep-alive: a POST must not meet a connection that is just being closed


class Client:
    """One session with one gateway. Every method raises `Remote` or `LoggedOut` when the answer is a failure."""

    def __init__(self, context: GatewayContext, *, timeout_seconds: float = 60.0, filtered: bool = False) -> None:
        self.context = context
        self.filtered = filtered
        self._timeout_seconds = timeout_seconds
        self._connection: http.client.HTTPConnection | None = None
        self._used_at = 0.0
        self.answers = True  # the last request was answered, and not by "who are you?"
        self.accepted_only = False  # the last change was answered 202: an operation goes on
        self.correlation_id = ""  # of the last change
        self._prefix = urlsplit(context.url).path.rstrip("/")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Document:
        return self.call("GET", path, query=query)

    def call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Document | None = None
    ) -> Document:
        """One request below the API's base path. Returns the document of the answer, empty when it has none."""
        target = API + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "Version": "4"}
        if self.context.token:
            headers["Authorization"] = f"Bearer {self.context.token}"
        if self.filtered:
            headers["Filter"] = "true"
        if method != "GET":
            self.correlation_id = headers["Correlation-Id"] = f"corral-{secrets.token_hex(8)}"
        data = b""
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        status, answer = self._exchange(method, target, data, headers)
        self.answers = status != 401
        if status == 401:
            raise LoggedOut(f"{self._session_fault()} Log in again with: {self.context.login_command}", status)
        if status >= 400:
            raise Remote(fault_text(_parsed(answer), status), status)
        if method != "GET":
            self.accepted_only = status == 202
        document = _parsed(answer)
        return document if isinstance(document, dict) else {}

    def items(self, path: str, query: Mapping[str, str] | None = None) -> list[Document]:
        """The members of a collection, whatever element they are wrapped in."""
        document = self.get(path, query)
        lists = [value for value in document.values() if isinstance(value, list)]
        return [item for item in lists[0] if isinstance(item, dict)] if lists else []

    def log_in(self, user: str, password: str) -> str:
        """A new token. Raises `LoggedOut` when the gateway does not know this user and password."""
        form = urlencode(
            {"grant_type": "password", "scope": "ovirt-app-api", "username": user, "password": password}
        ).encode()
        status, answer = self._exchange("POST", TOKEN, form, _form_headers())
        document = _parsed(answer)
        token = document.get("access_token") if isinstance(document, dict) else None
        if token:
            return str(token)
        description = document.get("error_description") or document.get("error") if isinstance(document, dict) else None
        why = str(description or fault_text(document, status)).rstrip(".")
        raise LoggedOut(
            f"{user} could not log in to {self.context.url}: {why}. Check the user name and the password.", status
        )

    def log_out(self) -> None:
        """Ends the session on the gateway; a session that is over already is as good."""
        form = urlencode({"scope": "ovirt-app-api", "token": self.context.token}).encode()
        status, answer = self._exchange("POST", REVOKE, form, _form_headers())
        if status >= 400 and status not in (400, 401):
            raise Remote(f"the session could not be ended: {fault_text(_parsed(answer), status)}", status)

    def _session_fault(self) -> str:
        if not self.context.token:
            return f"not logged in to {self.context.url}."
        return f"the session of {self.context.user or 'this token'} at {self.context.url} has expired."

    def _exchange(self, method: str, target: str, data: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Sends once; again on a fresh connection only when a kept one turned out to be closed before the answer."""
        if time.monotonic() - self._used_at > _idle_seconds_max:
            self.close()
        kept = self._connection is not None
        try:
            return self._send(method, target, data, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            self.close()
            if not kept or method != "GET":
                raise self._unreachable(error) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error) from error
        try:
            return self._send(method, target, data, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error) from error

    def _send(self, method: str, target: str, data: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request(method, self._prefix + target, data or None, headers)
        response = self._connection.getresponse()
        answer = response.read(_answer_bytes_max)
        self._used_at = time.monotonic()
        return response.status, answer

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.context.url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=self._timeout_seconds)
        return http.client.HTTPSConnection(
            host, parts.port, timeout=self._timeout_seconds, context=tls_context(self.context)
        )

    def _unreachable(self, error: Exception) -> Remote:
        self.answers = False
        url = self.context.url
        if isinstance(error, ssl.SSLCertVerificationError):
            return Remote(
                f"{url} shows a certificate that is not trusted ({error.verify_message}). "
                "Log in with --ca-file and the CA certificate of that engine."
            )
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Remote(f"{url} does not answer: {why}. Is the address right and the gateway running?")


def tls_context(context: GatewayContext) -> ssl.SSLContext:
    """What certificates are accepted: those of `ca_file`, or the machine's. Raises `Problem` when it cannot be read."""
    try:
        return ssl.create_default_context(cafile=context.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise Problem(f"the CA file {context.ca_file} cannot be used: {error}. Log in with --ca-file FILE.") from error


def object_path(rel: str, *ids: str) -> str:
    """`/vms/ID` of a collection and an id, each part quoted."""
    return "/" + "/".join([rel, *(quote(part, safe="") for part in ids)])


def _form_headers() -> dict[str, str]:
    return {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


def _parsed(answer: bytes) -> Any:
    try:
        return json.loads(answer) if answer else {}
    except ValueError:
        return {}
