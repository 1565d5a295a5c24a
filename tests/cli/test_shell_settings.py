"""Settings of the shell: what they do, what they refuse, and what `save` and `getkey` make of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.client import contexts
from cli.session import session, settings
from cli.session.session import CliSession
from cli.shell.sitting import Shell
from cli.tree import root as tree
from tests.cli.conftest import Corral
from tests.cli.fake_gateway import FakeGateway


@contextmanager
def typed() -> Iterator[Shell]:
    """A shell in which a person types."""
    shell = Shell(tree.root(), CliSession())
    shell.session.asks = True
    try:
        yield shell
    finally:
        shell.session.close()


def test_set_shows_every_setting_with_its_meaning(fake: FakeGateway, script: Corral) -> None:
    out = script("set").out
    assert out.splitlines()[0].split() == ["SETTING", "VALUE", "VALUES", "MEANING"]
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(settings.KEYS)
    assert script("set wait no", "set wait").out.splitlines()[1].split()[:2] == ["wait", "no"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("set colour red", "there is no setting colour. Settings: output, columns, wait, timeout, pager, confirm"),
        ("set colour", "there is no setting colour."),
        ("set output paper", "set output: 'paper' is not one of 'table'"),
        ("set wait perhaps", "set wait: 'perhaps' is neither true nor false."),
        ("set timeout soon", "set timeout: 'soon' is not a duration."),
        ("set columns name,toes", "set columns: no object has an attribute toes."),
    ],
)
def test_what_is_no_setting(fake: FakeGateway, script: Corral, line: str, why: str) -> None:
    ran = script(line)
    assert ran.code == 1
    assert ran.err.startswith(f"corral: {why}")


def test_output_and_columns_are_defaults_of_lists(fake: FakeGateway, script: Corral) -> None:
    fake.put("vms", name="web1", status="up", id="x")
    fake.put("events", id="7", description="hello")
    assert script("set columns status,name", "list vms").out.splitlines()[1].split() == ["up", "web1"]
    assert script("set columns fqdn,status,description", "list events").out.splitlines()[1].split() == ["hello"]
    assert script("set columns name", "set columns ''", "list vms").out.startswith("NAME  STATUS")
    assert script("set output name", "list vms", "show vm web1", "list vms -o jsonl").out.splitlines() == [
        "web1", "web1", '{"name": "web1", "status": "up", "id": "x"}',
    ]  # fmt: skip


def test_wait_and_timeout_are_defaults_of_operations(fake: FakeGateway, script: Corral) -> None:
    id = fake.put("vms", name="web1", status="wait_for_launch")
    fake.answers[f"POST vms/{id}/start"] = {"job": {"id": "j1"}}
    fake.put("jobs", id="j1", status="started")
    accepted = "VM web1: start was accepted. Follow it with: corral job show j1"
    assert script("set wait no", "vm start web1").err.splitlines() == [accepted]
    ran = script("set timeout 1s", "vm start web1")
    assert ran.code == 2
    assert "the VM is wait_for_launch after 1 s. The operation continues: corral job show j1" in ran.err


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 2, 1), ("", 2, 1), ("y", 0, 0)])
def test_confirm_asks_a_person(
    fake: FakeGateway, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    fake.put("vms", name="web1")
    asked: list[str] = []

    def person(prompt: str) -> str:
        asked.append(prompt)
        return answer

    monkeypatch.setattr("click.termui.visible_prompt_func", person)
    with typed() as shell:
        shell.line("set confirm yes")
        assert shell.line("remove vm web1") == code
    assert len(fake.collections["vms"]) == left
    assert asked == ["Remove VM web1? [y/N]: "]


def test_confirm_does_not_ask_a_script(fake: FakeGateway, script: Corral) -> None:
    fake.put("vms", name="web1")
    assert script("set confirm yes", "remove vm web1").code == 0
    assert fake.collections["vms"] == {}


def test_the_pager_shows_what_is_longer_than_the_screen(
    fake: FakeGateway, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        fake.put("vms", name=f"web{number}")
    monkeypatch.setattr(session, "on_terminal", lambda: True)
    with typed() as shell:
        shell.line("set pager sed s/^/paged:/")
        shell.line("list vms -o name")
        shell.line("list vms --kwargs name=web7 -o name")
        shell.line("set pager off")
        shell.line("list vms -o name")
    lines = capfd.readouterr().out.splitlines()
    assert lines[:2] == ["paged:web0", "paged:web1"]
    assert lines[30:32] == ["web7", "web0"]


def test_save_writes_what_holds_and_no_password(fake: FakeGateway, script: Corral) -> None:
    ran = script(
        f"connect --url {fake.url} --user root@pam --password secret", "set output name", "set wait no", "save mine"
    )
    assert ran.code == 0, ran.err
    kept = contexts.load()
    assert kept.current == "mine"
    assert kept.by_name["mine"] == contexts.GatewayContext(
        name="mine", url=fake.url, user="root@pam", token="token-1", settings={"output": "name", "wait": "no"}
    )
    assert "secret" not in Path(contexts.path()).read_text()
    assert stat.S_IMODE(os.stat(contexts.path()).st_mode) == 0o600
    fake.put("vms", name="web1")
    assert script("list vms").out == "web1\n"  # a later shell
    assert script("set output table", "getkey output", "connect", "getkey output").out.splitlines()[::2] == [
        "table",
        "table",
    ]


def test_a_token_of_the_environment_is_not_saved(
    fake: FakeGateway, script: Corral, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.tokens.add("of-the-day")
    monkeypatch.setenv("CORRAL_TOKEN", "of-the-day")
    assert script("ping", "save").code == 0
    assert contexts.load().by_name["test"].token == "token-1"


def test_a_login_of_the_environment_gets_a_name_of_its_own(
    fake: FakeGateway, script: Corral, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts.remember(contexts.GatewayContext(name="default", url="https://else:1", token="theirs"))
    monkeypatch.setenv("CORRAL_URL", fake.url)
    monkeypatch.setenv("CORRAL_TOKEN", "token-1")
    ran = script("set output name", "save", "save mine")
    assert (ran.code, ran.err.splitlines()[0]) == (
        1, "corral: this login comes from CORRAL_URL and has no name yet. Give it one: save NAME",
    )  # fmt: skip
    kept = contexts.load().by_name
    assert kept["default"].token == "theirs"
    assert kept["mine"] == contexts.GatewayContext(name="mine", url=fake.url, settings={"output": "name"})


def test_a_new_login_keeps_the_settings(fake: FakeGateway, script: Corral, monkeypatch: pytest.MonkeyPatch) -> None:
    script("set output name", "save")
    monkeypatch.setenv("CORRAL_PASSWORD", fake.password)
    assert script(f"login {fake.url} --user admin@internal --context test", "save").code == 0
    assert contexts.load().by_name["test"].settings == {"output": "name"}


def test_settings_are_those_of_the_shell_alone(fake: FakeGateway, corral: Corral, script: Corral) -> None:
    fake.put("vms", name="web1")
    script("set output name", "save")
    assert corral("list", "vms").out.startswith("NAME ")
    assert corral("getkey", "output").out == "name\n"


def test_a_context_file_edited_into_nonsense(fake: FakeGateway, script: Corral) -> None:
    script("set output name", "save")
    file = Path(contexts.path())
    file.write_text(file.read_text().replace('output = "name"', 'output = "paper"'))
    ran = script("getkey output")
    assert (ran.code, ran.out) == (0, "table\n")
    assert "are ignored: set output: 'paper'" in ran.err


@pytest.mark.parametrize(
    ("key", "value"), [("name", "test"), ("user", "admin@internal"), ("ca-file", ""), ("wait", "yes")]
)
def test_getkey(fake: FakeGateway, corral: Corral, key: str, value: str) -> None:
    assert corral("getkey", key).out == f"{value}\n"


def test_getkey_of_nothing(fake: FakeGateway, corral: Corral) -> None:
    ran = corral("getkey", "password")
    assert ran.code == 1
    assert ran.err.startswith("corral: there is no key password. Keys: name, url,")
