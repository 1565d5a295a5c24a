"""Logging in and out, contexts and their file, the environment over them, daemons by name."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from cli.client import contexts
from cli.problems import Problem
from tests.cli.conftest import Corral
from tests.cli.fake_gateway import FakeGateway, serving


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_login_with_a_password_from_standard_input(corral: Corral, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(FakeGateway()) as fake:
        give(monkeypatch, "secret\n")
        ran = corral(
            "login", fake.url + "/ovirt-engine/api", "--user", "admin@internal", "--password-stdin", "--context", "lab"
        )
        assert (ran.code, ran.err) == (0, f"logged in to {fake.url} as admin@internal (context lab).\n")
        kept = contexts.load()
        assert (kept.current, kept.by_name["lab"].token) == ("lab", "token-1")
        assert stat.S_IMODE(os.stat(contexts.path()).st_mode) == 0o600
        assert "secret" not in Path(contexts.path()).read_text()
        assert corral("vm", "list").code == 0
        assert corral("logout").code == 0
        assert fake.tokens == set()
        assert "Log in again with: corral login" in corral("vm", "list").err


def test_a_wrong_password(corral: Corral, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(FakeGateway()) as fake:
        give(monkeypatch, "guess\n")
        ran = corral("login", fake.url, "--user", "a@b", "--password-stdin")
    assert ran.code == 10
    assert ran.err.startswith(f"corral: a@b could not log in to {fake.url}: The user name or password is wrong.")


def test_login_to_a_lab(corral: Corral, tmp_path: Path) -> None:
    with serving(FakeGateway()) as fake:
        lab = {"url": fake.url, "ws_url": "ws://x/ws", "live_url": "ws://y", "user": "admin@internal", "password": "secret",
               "ca_file": ""}  # fmt: skip
        (tmp_path / "lab.json").write_text(json.dumps(lab))
        assert corral("login", "--lab", str(tmp_path)).code == 0
    made = contexts.active()
    assert (made.name, made.socket_url, made.live_url) == ("lab", "ws://x/ws", "ws://y")


def test_a_folder_without_a_lab(corral: Corral, tmp_path: Path) -> None:
    assert corral("login", "--lab", str(tmp_path)).code == 2


def test_contexts_are_listed_used_and_removed(corral: Corral) -> None:
    for name in ("one", "two"):
        contexts.remember(contexts.GatewayContext(name=name, url=f"https://{name}:1", token="t", user="u"))
    assert corral("context", "list").out == "  one  https://one:1  u\n* two  https://two:1  u\n"
    assert corral("context", "use", "one").code == 0
    assert contexts.active().name == "one"
    assert corral("context", "remove", "one").code == 0
    assert corral("vm", "list").err.startswith("corral: not logged in. Log in with: corral login")
    assert corral("--context", "three", "vm", "list").code == 2


def test_the_environment_goes_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts.remember(contexts.GatewayContext(name="one", url="https://one:1", token="t"))
    monkeypatch.setenv("CORRAL_TOKEN", "other")
    assert contexts.active() == contexts.GatewayContext(name="one", url="https://one:1", token="other")
    monkeypatch.setenv("CORRAL_URL", "https://env:2/ovirt-engine/api")
    assert contexts.active() == contexts.GatewayContext(url="https://env:2", token="other")


@pytest.mark.parametrize("text", ['quote " and \\ back', "line\nbreak", "émigré", "\x7f\x01"])
def test_any_text_survives_the_file(text: str) -> None:
    made = contexts.GatewayContext(name=text, url="https://a", user=text)
    contexts.remember(made)
    assert contexts.load().by_name[text] == made


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("engine:8443", "https://engine:8443"),
        ("http://[::1]:80/api/", "http://[::1]:80"),
        ("https://a/x/api", "https://a/x"),
    ],
)
def test_addresses(given: str, url: str) -> None:
    assert contexts.clean_url(given) == url


@pytest.mark.parametrize("given", ["ftp://x", "https://", "https://a:port"])
def test_no_addresses(given: str) -> None:
    with pytest.raises(Problem):
        contexts.clean_url(given)


def test_a_file_that_is_broken(corral: Corral) -> None:
    os.makedirs(os.path.dirname(contexts.path()))
    Path(contexts.path()).write_text("current = [")
    ran = corral("vm", "list")
    assert ran.code == 2
    assert "Repair or remove it" in ran.err


def test_daemons_are_found_by_name(corral: Corral, monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    seen: list[list[str]] = []
    made = types.ModuleType("cli.daemons.simulated_nodes")
    made.__dict__["main"] = lambda argv: seen.append(argv) or 7
    monkeypatch.setitem(sys.modules, "cli.daemons.simulated_nodes", made)
    assert corral("simulated-nodes", "--count", "3").code == 7
    assert seen == [["--count", "3"]]
