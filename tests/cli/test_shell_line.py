"""What a typed line says: its words, what goes to the system's shell, and what the history may keep of it."""

from __future__ import annotations

import pytest

from cli.problems import SyntaxProblem
from cli.shell.line import Line, parse, without_secrets


@pytest.mark.parametrize(
    ("text", "words", "into"),
    [
        ("list vms", ["list", "vms"], ""),
        ("list vms | grep web | head -3", ["list", "vms"], "grep web | head -3"),
        ("list vms|wc -l", ["list", "vms"], "wc -l"),
        ("list vms > 'my vms.txt'", ["list", "vms"], "cat > 'my vms.txt'"),
        ("list vms >> out", ["list", "vms"], "cat >> out"),
        ("list vms >out 2>&1", ["list", "vms"], "cat >out 2>&1"),
        ("list vms --query 'name = a | b'", ["list", "vms", "--query", "name = a | b"], ""),
        ('list vms --query "memory > 5" | cat', ["list", "vms", "--query", "memory > 5"], "cat"),
        (r"echo a\|b", ["echo", "a|b"], ""),
        (r'echo "a\"|b"', ["echo", 'a"|b'], ""),
        (r"echo 'a\' b", ["echo", "a\\", "b"], ""),
        ("list vms --kwargs status=up;name=w*", ["list", "vms", "--kwargs", "status=up;name=w*"], ""),
        ("show vm web#1 # the first | one", ["show", "vm", "web#1"], ""),
        ("echo '' x", ["echo", "", "x"], ""),
        ("echo we'b 'one", ["echo", "web one"], ""),
    ],
)
def test_words_and_pipes(text: str, words: list[str], into: str) -> None:
    assert parse(text) == Line(words, into)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("list vms |", "| must be followed by a command"),
        ("list vms || echo none", "| must be followed by a command"),
        ("| wc", "there is no command before |"),
        ("list vms >", "> must be followed by a file"),
        ("list vms >> ", "> must be followed by a file"),
        ("list vms 2> errors", "2> is not supported"),
        ("list 'vms", "the quote ' is not closed"),
        ("list vms \\", "nothing follows the \\"),
    ],
)
def test_lines_that_say_nothing(text: str, why: str) -> None:
    with pytest.raises(SyntaxProblem) as raised:
        parse(text)
    assert str(raised.value).startswith(why)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("connect https://e admin@internal secret", "connect https://e admin@internal"),
        ("connect https://e admin@internal 'se cret' --filter", "connect https://e admin@internal --filter"),
        ("connect --ca-file f https://e a@b secret", "connect --ca-file f https://e a@b"),
        ("connect --filter https://e a@b secret", "connect --filter https://e a@b"),
        ("connect --url https://e --user a@b --password secret", "connect --url https://e --user a@b"),
        ("connect https://e a@b --password=secret | cat", "connect https://e a@b | cat"),
        ("corral connect https://e a@b secret", "corral connect https://e a@b"),
        ("conect https://e a@b secret", "conect https://e a@b"),
        ("connect https://e a@b 'secret", "connect"),
        ("action host h install --root_password secret", "action host h install"),
        ("!corral connect https://e a@b --password secret", "!corral connect https://e a@b"),
        ("login https://e --user a@b --password-stdin", "login https://e --user a@b --password-stdin"),
        ("list vms --query 'name = x' | grep  web", "list vms --query 'name = x' | grep  web"),
    ],
)
def test_the_history_keeps_no_password(typed: str, kept: str) -> None:
    assert without_secrets(typed) == kept
    assert "cret" not in without_secrets(typed)
