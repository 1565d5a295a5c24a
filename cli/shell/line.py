"""Reads one typed line: its words, and what of it is meant for the system's shell (`| grep web`, `> file`).

Quotes and backslashes mean what they mean in sh; `|` and `>` inside quotes are plain text.
"""

from __future__ import annotations

import dataclasses
import re
import shlex

from cli.problems import SyntaxProblem

_BLANK = " \t"
_SECRET = re.compile(r"--[\w-]*password(?!-stdin)[\w-]*", re.IGNORECASE)
_LOGINS = ("connect", "login")


@dataclasses.dataclass(frozen=True)
class Span:
    """Where a word stands in the line, and what it says without its quotes."""

    start: int
    end: int
    word: str


@dataclasses.dataclass(frozen=True)
class Line:
    """`into` is the command of the system's shell that reads the output, empty when there is none."""

    words: list[str]
    into: str = ""


def parse(text: str) -> Line:
    """The line as it is to be run. Raises `SyntaxProblem`."""
    spans, end = scan(text)
    words = [span.word for span in spans]
    if end == len(text) or text[end] == "#":
        return Line(words)
    operator, rest = text[end], text[end + 1 :]
    if not words:
        raise SyntaxProblem(f"there is no command before {operator}. Example: list vms | grep web")
    if rest[:1] == "|" or not rest.strip(_BLANK + ">"):
        wanted = "a command, as in: list vms | grep web" if operator == "|" else "a file, as in: list vms > vms.txt"
        raise SyntaxProblem(f"{operator} must be followed by {wanted}")
    if operator == ">" and spans[-1].end == end and re.fullmatch(r"[0-9&]", words[-1]):
        raise SyntaxProblem(f"{words[-1]}> is not supported: use > or >> to redirect the output")
    return Line(words, rest.strip(_BLANK) if operator == "|" else f"cat >{rest}")


def scan(text: str) -> tuple[list[Span], int]:
    """The words, and where they end: at an unquoted `|`, `>` or `#`, or at the end. Raises `SyntaxProblem`."""
    spans: list[Span] = []
    at, start, quote = 0, -1, ""
    while at < len(text):
        letter = text[at]
        if quote:
            at += 1 if letter == "\\" and quote == '"' else 0
            quote = "" if letter == quote else quote
        elif letter in _BLANK:
            spans, start = _closed(text, spans, start, at), -1
        elif letter in "|>" or (letter == "#" and start < 0):
            return _closed(text, spans, start, at), at
        else:
            start = at if start < 0 else start
            quote = letter if letter in "'\"" else ""
            at += 1 if letter == "\\" else 0
        at += 1
    if quote:
        raise SyntaxProblem(f"the quote {quote} is not closed")
    if at > len(text) and start >= 0:
        raise SyntaxProblem("nothing follows the \\ at the end of the line")
    return _closed(text, spans, start, len(text)), len(text)


def without_secrets(text: str) -> str:
    """The line as the history may keep it: a password is left out, so that the line asks for it when it runs again."""
    try:
        spans, _ = scan(text.lstrip("!"))
    except SyntaxProblem:
        secret = _SECRET.search(text) or text.split(None, 1)[0] in _LOGINS
        return text.split(None, 1)[0] if secret else text
    shift = len(text) - len(text.lstrip("!"))
    for span in reversed(_secrets(spans)):
        text = text[: span.start + shift].rstrip(_BLANK) + text[span.end + shift :]
    return text


def _secrets(spans: list[Span]) -> list[Span]:
    """The options of a password with their values, and the third word after `connect` or after an address's user."""
    found: list[Span] = []
    plain: list[Span] = []
    value_of = ""
    for span in spans:
        name, equals, _ = span.word.partition("=")
        if value_of:
            found += [span] if _SECRET.fullmatch(value_of) else []
            value_of = ""
        elif _SECRET.fullmatch(name):
            found.append(span)
            value_of = "" if equals else name
        elif name.startswith("--"):
            value_of = "" if equals or name in ("--filter", "--password-stdin") else name
        else:
            plain.append(span)
    words = [span.word for span in plain]
    first = 1 if words[:1] == ["corral"] else 0
    if words[first : first + 1] == ["connect"]:
        found += plain[first + 3 :]
    else:  # `conect URL USER PASSWORD` is no command, but a password all the same
        url = next((i for i, word in enumerate(words) if "://" in word), len(words))
        found += plain[url + 2 :]
    return sorted(found, key=lambda span: span.start)


def _closed(text: str, spans: list[Span], start: int, end: int) -> list[Span]:
    return spans if start < 0 else [*spans, Span(start, end, "".join(shlex.split(text[start:end])))]
