"""Who is let in: passwords, tokens, cookies, limits, and what is left on disk."""

from __future__ import annotations

import base64
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.running import running_engine
from tests.gateway.http import Client
from tests.gateway.running import PASSWORD, Running, running

BASIC = "Basic " + base64.b64encode(f"admin@internal:{PASSWORD}".encode()).decode()


@asynccontextmanager
async def serving(directory: Path, **changes: Any) -> AsyncIterator[Running]:
    """A gateway on an engine that nobody has used yet."""
    async with running_engine() as made, running(made.engine.port, directory, **changes) as gateway:
        yield gateway


async def test_nobody_gets_401_with_a_fault(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        client = Client(gateway)
        answer = await client.api("GET", "/vms")
        assert answer.status == 401
        assert answer.json()["reason"] == "The request is not authenticated."
        assert "www-authenticate" in answer.headers
        assert (await client.api("GET", "/vms", Authorization="Bearer made-up")).status == 401
        assert (await client.api("GET", "/vms", Authorization="Basic !!!")).status == 401
        assert (await client.api("GET", "/vms", Authorization=BASIC)).status == 200


async def test_sign_on_answers_json(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        client = Client(gateway)
        refused = await client.login("wrong")
        assert refused.status == 401
        assert refused.json()["error"] == "access_denied"
        granted = (await client.login()).json()
        assert granted["token_type"] == "bearer"
        assert int(granted["exp"]) > 1_000_000_000_000
        assert granted["scope"] == "ovirt-app-api"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await client.api("GET", "/vms")).status == 200
        answer = await client.send(
            "POST", "/ovirt-engine/services/sso-logout", f"scope=ovirt-app-api&token={client.token}", form
        )
        assert (answer.status, answer.json()) == (200, {})
        assert (await client.api("GET", "/vms")).status == 401


async def test_tokens_survive_a_restart_hashed(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        client = Client(gateway)
        await client.login()
    async with serving(tmp_path) as again:
        assert (await Client(again, client.token).api("GET", "/vms")).status == 200
    tokens = tmp_path / "state" / "tokens.json"
    assert client.token not in tokens.read_text()
    for file in (tokens, tmp_path / "state" / "users.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert PASSWORD not in file.read_text()


async def test_password_is_generated_once(tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    async with serving(tmp_path, password=None, password_file=password_file) as gateway:
        password = password_file.read_text().strip()
        assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
        assert (await Client(gateway).login(password)).status == 200
    async with serving(tmp_path, password=None, password_file=password_file) as gateway:
        assert password_file.read_text().strip() == password
        assert (await Client(gateway).login(password)).status == 200


async def test_failures_are_limited(tmp_path: Path) -> None:
    async with serving(tmp_path, failures_per_minute_max=3) as gateway:
        client = Client(gateway)
        assert [(await client.login("wrong")).status for _ in range(4)] == [401, 401, 401, 429]
        assert (await client.login()).status == 429


async def test_session_cookie_and_other_sites(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        client = Client(gateway)
        answer = await client.api("GET", "", Authorization=BASIC, Prefer="persistent-auth")
        cookie = answer.headers["set-cookie"]
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
        session = cookie.partition(";")[0]
        assert (await client.api("GET", "/vms", Cookie=session)).status == 200
        answer = await client.api("POST", "/vms", {"name": "x"}, Cookie=session, Origin="https://evil.example")
        assert answer.status == 403
        assert (await client.api("POST", "/vms", Cookie="JSESSIONID=x", Origin="http://[")).status == 403
        own = f"https://localhost:{gateway.serving.port}"
        assert (await client.api("POST", "/vms", {"name": "x"}, Cookie=session, Origin=own)).status == 400


@pytest.mark.parametrize("size", [3 * 1024 * 1024])
async def test_large_bodies_are_refused(tmp_path: Path, size: int) -> None:
    async with serving(tmp_path) as gateway:
        client = Client(gateway)
        await client.login()
        answer = await client.api("POST", "/vms", "<vm><name>" + "x" * size + "</name></vm>")
        assert answer.status == 400
        assert "The body has more than 2 MiB." in answer.text
