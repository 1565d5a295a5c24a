"""`connect` in the shell and alone, the prompt, and being disconnected."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.client import contexts
from cli.session.session import CliSession
from cli.shell.sitting import Shell
from cli.tree import root as tree
from tests.cli.conftest import Corral
from tests.cli.fake_gateway import FakeGateway, serving


@pytest.fixture
def shell(fake: FakeGateway) -> Iterator[Shell]:
    made = Shell(tree.root(), CliSession())
    yield made
    made.session.close()


@pytest.mark.parametrize(
    "line",
    [
        "connect {url} root@pam secret",
        "connect --url {url} --user root@pam --password secret",
        "connect {url}/ovirt-engine/api --user root@pam --password=secret",
        "connect --password secret {url} root@pam",
        "corral connect {url} root@pam secret",
    ],
)
def test_the_lines_of_the_talks(fake: FakeGateway, shell: Shell, capsys: pytest.CaptureFixture[str], line: str) -> None:
    contexts.forget("test")
    assert shell.prompt() == "[corral (disconnected)]# "
    assert shell.line(line.format(url=fake.url)) == 0
    assert shell.prompt() == "[corral shell (connected)]# "
    made = contexts.active()
    assert (made.url, made.user, made.token) == (fake.url, "root@pam", "token-1")
    output = capsys.readouterr()
    assert output.out.startswith(f"{fake.url} answered in ")
    assert "warning" not in output.err  # it is in no process list here
    shell.line("history")
    assert "secret" not in capsys.readouterr().out
    assert "secret" not in Path(contexts.path()).read_text()


def test_another_user_of_a_known_gateway_leaves_its_login_alone(fake: FakeGateway, shell: Shell) -> None:
    assert shell.line(f"connect {fake.url} root@pam secret") == 0
    kept = contexts.load().by_name
    assert {name: context.user for name, context in kept.items()} == {"test": "admin@internal", "shell": "root@pam"}


def test_filter_holds_until_the_next_connect(fake: FakeGateway, shell: Shell) -> None:
    for line, filtered in (("connect --filter", "true"), ("connect", None), ("connect test --filter", "true")):
        assert shell.line(line) == 0
        shell.line("list vms")
        assert fake.headers[-1].get("Filter") == filtered
    shell.line("connect")
    for line in ("list vms --filter", "ping", "list vms"):
        shell.line(line)
    assert [headers.get("Filter") for headers in fake.headers[-3:]] == ["true", None, None]


def test_a_wrong_password_leaves_the_connection_as_it_was(
    fake: FakeGateway, shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.line("cd vms")
    assert shell.line(f"connect {fake.url} admin@internal guess --filter") == 10
    assert "could not log in" in capsys.readouterr().err
    assert shell.prompt() == "[corral test (connected) /vms]# "
    assert not shell.session.filtered


@pytest.mark.parametrize(
    ("line", "code", "why"),
    [
        ("connect --user root@pam", 1, "no URL given. Use: connect https://HOST:PORT USER"),
        ("connect https://a b --url https://c", 1, "the url is given twice, once as --url"),
        ("connect ftp://a b c", 2, "ftp://a is not a gateway URL"),
    ],
)
def test_what_is_no_connection(
    fake: FakeGateway, shell: Shell, capsys: pytest.CaptureFixture[str], line: str, code: int, why: str
) -> None:
    assert shell.line(line) == code
    assert why in capsys.readouterr().err


def test_disconnected(fake: FakeGateway, shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.line("cd vms")
    assert shell.line("disconnect") == 0
    asked = len(fake.requests)
    assert shell.line("list vms") == 10
    assert shell.line("status") == 0
    assert capsys.readouterr() == (
        "last line  010 REMOTE_ERROR\nshell      disconnected\n",
        "corral: disconnected. Connect again with: connect\n",
    )
    assert len(fake.requests) == asked
    assert shell.prompt() == "[corral (disconnected)]# "
    assert shell.line("connect") == 0
    assert shell.prompt() == "[corral test (connected)]# "  # at the top again


def test_the_prompt_knows_when_the_session_is_over(fake: FakeGateway, shell: Shell) -> None:
    assert shell.line("list vms") == 0
    assert shell.session.connected
    fake.tokens.clear()
    assert shell.line("list vms") == 10
    assert shell.prompt() == "[corral (disconnected)]# "
    fake.tokens.add("token-1")
    assert shell.line("ping") == 0
    assert shell.session.connected


def test_status_says_how_the_last_line_ended(
    fake: FakeGateway, shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    for line, output in (("ping", "000 OK"), ("list nothing", "001 SYNTAX_ERROR"), ("show vm none", "011 NOT_FOUND"),
                       ("!exit 3", "002 COMMAND_ERROR")):  # fmt: skip
        shell.line(line)
        capsys.readouterr()
        shell.line("status")
        assert capsys.readouterr().out.splitlines()[:2] == [f"last line  {output}", "shell      connected"]
    shell.line("status -o json")
    assert capsys.readouterr().out.startswith("{")


def test_connect_alone_warns_of_a_password_in_the_process_list(corral: Corral) -> None:
    with serving(FakeGateway()) as fake:
        ran = corral("connect", "--url", fake.url, "--user", "root@pam", "--password", "secret")
        assert ran.code == 0
        assert ran.err.startswith("warning: a password on the command line is visible to every process")
        assert corral("list", "vms").code == 0
        assert contexts.active().user == "root@pam"


def test_connect_alone_takes_the_password_from_standard_input(corral: Corral, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(FakeGateway()) as fake:
        monkeypatch.setattr(sys, "stdin", io.StringIO("secret\n"))
        ran = corral("connect", fake.url, "root@pam", "--password-stdin")
    assert (ran.code, ran.err) == (0, "")


def test_connect_alone_chooses_a_context(fake: FakeGateway, corral: Corral) -> None:
    contexts.remember(contexts.GatewayContext(name="other", url="https://127.0.0.1:1", token="t"))
    assert corral("connect", "test").code == 0
    assert contexts.load().current == "test"


@pytest.mark.parametrize("word", tree.SHELL_WORDS)
def test_words_of_the_shell_say_where_they_work(corral: Corral, word: str) -> None:
    ran = corral(word)
    assert ran.code == 1
    assert ran.err.startswith(
        f"corral: {word} is a command of the interactive shell. Start the shell with: corral shell"
    )


def test_help_alone(corral: Corral) -> None:
    assert corral("help", "vm", "start").out == corral("vm", "start", "--help").out
