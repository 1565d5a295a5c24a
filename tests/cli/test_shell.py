"""The interactive shell: the same commands, lines from a file or a pipe, what it has of its own."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from cli.client import contexts
from cli.session.session import CliSession
from cli.shell.prompting import prompted
from cli.shell.sitting import Shell
from cli.tree import root as tree
from tests.cli.conftest import Corral
from tests.cli.fake_gateway import FakeGateway


def test_lines_from_a_pipe(fake: FakeGateway, corral: Corral, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.put("vms", name="web1", status="down")
    monkeypatch.setattr(sys, "stdin", io.StringIO(
        "# a comment\nlist vms -o name\ncreate vm --name 'web 2'\nshow vm 'web 2' --columns name\nexit\nlist hosts\n"
    ))  # fmt: skip
    ran = corral("shell")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("web1\n")
    assert "name  web 2\n" in ran.out
    assert [path for path, _ in fake.asked("GET")].count("hosts") == 0


@pytest.mark.parametrize(("options", "code", "lines"), [((), 11, 0), (("--keep-going",), 11, 1)])
def test_a_line_that_fails(
    fake: FakeGateway, corral: Corral, tmp_path: Path, options: tuple[str, ...], code: int, lines: int
) -> None:
    (tmp_path / "script").write_text("show vm none\necho later\n")
    ran = corral("shell", "--file", str(tmp_path / "script"), *options)
    assert (ran.code, ran.out.count("later")) == (code, lines)


@pytest.mark.parametrize(
    ("raised", "code", "output"),
    [
        (RuntimeError("broken"), 4, "corral: RuntimeError: broken. This is a bug"),
        (KeyboardInterrupt(), 3, "corral: interrupted."),
        (OSError(2, "no such thing"), 4, "corral: FileNotFoundError"),
    ],
)
def test_a_script_ends_with_the_code_of_what_happened(
    fake: FakeGateway, corral: Corral, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int,
    output: str,
) -> None:  # fmt: skip
    def fail(*_: object) -> int:
        raise raised

    monkeypatch.delenv("CORRAL_DEBUG")
    monkeypatch.setattr("cli.run.verbs.run", fail)
    (tmp_path / "script").write_text("list vms\necho later\n")
    ran = corral("shell", "--file", str(tmp_path / "script"))
    assert (ran.code, ran.out) == (code, "")
    assert output in ran.err


def test_what_it_has_of_its_own(fake: FakeGateway, capfd: pytest.CaptureFixture[str]) -> None:
    shell = Shell(tree.root(), CliSession())
    assert shell.line("connect") == 0
    assert shell.session.connected
    assert shell.line("disconnect") == 0
    assert not shell.session.connected
    assert shell.line("!echo from the system") == 0
    assert shell.line("!false") == 2
    assert shell.line("help connect") == 0
    assert shell.line("help vm start") == 0
    assert shell.line("history") == 0
    assert shell.line("list vms 'unclosed") == 1
    assert shell.line("engine --config x") == 1
    assert shell.prompt() == "[corral (disconnected)]# "
    assert shell.line("connect") == 0
    assert shell.prompt() == "[corral test (connected)]# "
    output = capfd.readouterr().out
    assert "from the system" in output
    assert "corral vm start NAME" in output
    assert "   3  !echo from the system" in output
    shell.line("EOF")
    assert shell.left
    shell.session.close()


def test_connect_logs_in(fake: FakeGateway, capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell(tree.root(), CliSession())
    assert shell.line(f"connect {fake.url} admin@internal secret --filter") == 0
    assert shell.session.filtered
    assert contexts.active().token == "token-1"
    assert shell.line("list vms") == 0
    assert fake.headers[-1]["Filter"] == "true"
    assert shell.line(f"connect {fake.url} admin@internal wrong") == 10
    shell.session.close()


def test_a_person_types(fake: FakeGateway, capsys: pytest.CaptureFixture[str]) -> None:
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.input import create_pipe_input
    from prompt_toolkit.output import DummyOutput

    fake.put("vms", name="web1")
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text("list vms -o name\n\x03show vm no\x15list vms -o name\n\x04")
        session = CliSession()
        shell = Shell(tree.root(), session)
        assert shell.run_interactive(prompted(shell)) == 0
        session.close()
    assert capsys.readouterr().out.count("web1\n") == 2


def test_what_a_person_typed_is_kept_without_passwords(
    fake: FakeGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.input import create_pipe_input
    from prompt_toolkit.output import DummyOutput

    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text(f"connect {fake.url} root@pam secret | cat\nconect {fake.url} root@pam secret\n\x04")
        session = CliSession()
        shell = Shell(tree.root(), session)
        assert shell.run_interactive(prompted(shell)) == 0
        session.close()
    kept = (tmp_path / "cache" / "history").read_text()
    assert [line for line in kept.splitlines() if line.startswith("+")] == [
        f"+connect {fake.url} root@pam | cat", f"+conect {fake.url} root@pam",
    ]  # fmt: skip
    assert "secret" not in kept
    assert "secret" not in "".join(shell.typed)
