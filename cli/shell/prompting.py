"""Asks a person for lines: prompt, history and completion. prompt_toolkit is imported when a person types.

Passwords never reach the history file.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator

from cli import index
from cli.problems import SyntaxProblem
from cli.shell import here
from cli.shell.line import scan, without_secrets
from cli.shell.sitting import Shell


def prompted(owner: Shell) -> Iterator[str]:
    """Lines as a person types them. Ctrl-C empties the line, Ctrl-D ends."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import FileHistory

    class FromTree(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
            for word, short_help, typed in completions(owner, document.text_before_cursor):
                quoted = shlex.quote(word) if " " in word else word
                yield Completion(quoted, start_position=-len(typed), display=word, display_meta=short_help[:60])

    class WithoutSecrets(FileHistory):
        def append_string(self, string: str) -> None:
            super().append_string(without_secrets(string))

    prompts: PromptSession[str] = PromptSession(
        history=WithoutSecrets(_history_file()),
        completer=FromTree(),
        complete_in_thread=True,
        complete_while_typing=False,
    )
    while True:
        try:
            yield prompts.prompt(owner.prompt())
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def completions(owner: Shell, text: str) -> Iterator[tuple[str, str, str]]:
    """What may follow the text: (word, its help, what of it is typed already)."""
    try:
        spans, end = scan(text)
    except SyntaxProblem:
        return
    if end < len(text):  # what follows belongs to the system's shell
        return
    words = [span.word for span in spans]
    incomplete = words.pop() if words and spans[-1].end == len(text) else ""
    words = words[1:] if words[:1] in (["help"], ["corral"]) else words
    seen = set()
    for word, short_help in _candidates(owner, words, incomplete):
        if word not in seen and word.startswith(incomplete):
            seen.add(word)
            yield word, short_help, incomplete


def _candidates(owner: Shell, words: list[str], incomplete: str) -> Iterator[tuple[str, str]]:
    place = owner.session.place
    if not words and place.noun is not None:
        yield from ((action, entry["doc"]) for action, entry in place.noun["actions"].items())
    meant = [words]
    if words and index.find(words[0]) is None:
        with contextlib.suppress(SyntaxProblem):
            meant = [here.spelled_out(place, words), *meant]
    for one in meant:
        yield from _of_tree(owner, one, incomplete)


def _of_tree(owner: Shell, words: list[str], incomplete: str) -> Iterator[tuple[str, str]]:
    from click.shell_completion import ShellComplete

    found = ShellComplete(owner.root, {"obj": owner.session}, "", "_CORRAL_COMPLETE").get_completions(words, incomplete)
    yield from ((item.value, item.help or "") for item in found if item.type == "plain")


def _history_file() -> str:
    """Readable by its owner alone."""
    folder = index.cache_folder()
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, "history")
    os.close(os.open(path, os.O_CREAT | os.O_APPEND, 0o600))
    return path
