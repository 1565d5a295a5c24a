"""Runs one command line of the client and returns its exit code; a problem goes to stderr in few words."""

from __future__ import annotations

import os
import sys

import click

from cli import problems
from cli.groups import near_words
from cli.session.session import CliSession


def run(root: click.Command, words: list[str], session: CliSession | None = None, *, program: str = "corral") -> int:
    """Runs `words` in `root`. Never raises for what a person may do wrong. `program`: what stands before the words."""
    own = session is None
    session = session or CliSession()
    streams = sys.stdout, sys.stderr
    try:
        answer = root.main(words, prog_name=program, standalone_mode=False, obj=session)
        sys.stdout.flush()
        return answer if isinstance(answer, int) else problems.OK
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return problems.SYNTAX_ERROR
    except click.UsageError as error:
        return _say([_usage(error)], problems.SYNTAX_ERROR)
    except (click.Abort, KeyboardInterrupt):
        return _say(["interrupted."], problems.INTERRUPTED)
    except click.ClickException as error:
        return _say([error.format_message()], problems.COMMAND_ERROR)
    except problems.Problem as error:
        return _say(str(error).splitlines(), error.exit_code)
    except (BrokenPipeError, SystemExit):
        # The reader of a pipe has seen enough; click makes an exit of it and wraps the streams. Python would complain
        # once more when it flushes at exit.
        sys.stdout, sys.stderr = streams
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return problems.OK
    except Exception as error:  # the last line of defence: a bug is told as one, in one line
        if os.environ.get("CORRAL_DEBUG"):
            raise
        bug = f"{type(error).__name__}: {error}. This is a bug: set CORRAL_DEBUG=1 to see the traceback, and report it."
        return _say([bug], problems.UNKNOWN_ERROR)
    finally:
        if own:
            session.close()


def _usage(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        near = near_words(error.option_name, error.possibilities or ())
        error = click.NoSuchOption(error.option_name, error.message, near, error.ctx)
    message = error.format_message()
    if "See: " in message or "Did you mean" in message:
        return message
    where = error.ctx.command_path if error.ctx else "corral"
    stop = "" if message.endswith((".", "?", "!")) else "."
    return f"{message}{stop} See: {f'{where} --help' if where else 'help'}"


def _say(lines: list[str], code: int) -> int:
    """What is wrong, on one line; the details of a refusal, such as the reason of each host, below it."""
    first, *details = (" ".join(line.split()) for line in lines or [""])
    click.echo("\n".join([f"corral: {first}", *(f"  {line}" for line in details if line)]), err=True)
    return code
