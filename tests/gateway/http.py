"""A small HTTPS client for tests, in a thread."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any

import attrs
import trio

from tests.gateway.running import PASSWORD, Running


@attrs.frozen
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@attrs.define
class Client:
    """Sends with a bearer token when there is one."""

    running: Running
    token: str = ""

    async def login(self, password: str = PASSWORD) -> Answer:
        form = f"grant_type=password&scope=ovirt-app-api&username=admin%40internal&password={password}"
        answer = await self.send(
            "POST", "/ovirt-engine/sso/oauth/token", form, {"Content-Type": "application/x-www-form-urlencoded"}
        )
        if answer.status == 200:
            self.token = answer.json()["access_token"]
        return answer

    async def send(
        self, method: str, path: str, body: str | bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        return await trio.to_thread.run_sync(self._send, method, path, body, headers or {})

    async def api(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """JSON below the base path; a text body is sent as XML."""
        kind = "application/xml" if isinstance(body, str) else "application/json"
        text = json.dumps(body) if body is not None and not isinstance(body, str) else body
        sent = {"Accept": kind, "Content-Type": kind} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.send(method, "/ovirt-engine/api" + path, text, sent)

    async def read_up_to(self, sequence: int) -> None:
        """Until the gateway shows what the engine has made durable."""
        await self.until_health(lambda answer: answer.json()["sequence"] >= sequence)

    async def until_health(self, condition: Callable[[Answer], bool]) -> None:
        with trio.fail_after(10):
            while not condition(await self.send("GET", "/health/ready")):
                await trio.lowlevel.checkpoint()

    def _send(self, method: str, path: str, body: str | bytes | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPSConnection(
            "localhost", self.running.serving.port, context=self.running.client_context(), timeout=20
        )
        try:
            if self.token and "Authorization" not in headers:
                headers = {"Authorization": f"Bearer {self.token}", **headers}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
        finally:
            connection.close()
