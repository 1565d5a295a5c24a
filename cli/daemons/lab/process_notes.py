"""Notes of started processes, so that a later lab finds those of one that was killed; it starts nothing."""

import contextlib
import json
import os
import signal
from pathlib import Path

import attrs
import trio

from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.tools import poll_until


@attrs.frozen
class ProcessNote:
    """A process id together with the time the process was started: ids are used again, pairs are not."""

    name: str
    pid: int
    started_ticks: int

    def alive(self) -> bool:
        return started_ticks(self.pid) == self.started_ticks

    def send(self, number: signal.Signals) -> None:
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def started_ticks(pid: int) -> int | None:
    """When the process was started, in clock ticks since boot; None for one that has ended, zombies included."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def note_of(name: str, pid: int) -> ProcessNote | None:
    ticks = started_ticks(pid)
    return None if ticks is None else ProcessNote(name, pid, ticks)


def write_note(folder: LabFolder, name: str, pid: int) -> None:
    note = note_of(name, pid)
    if note is not None:
        (folder.process_notes / f"{name}.json").write_text(json.dumps(attrs.asdict(note)))


def read_note(folder: LabFolder, name: str) -> ProcessNote | None:
    try:
        return ProcessNote(**json.loads((folder.process_notes / f"{name}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def forget_note(folder: LabFolder, name: str) -> None:
    (folder.process_notes / f"{name}.json").unlink(missing_ok=True)


def living(folder: LabFolder) -> list[ProcessNote]:
    names = sorted(path.stem for path in folder.process_notes.glob("*.json"))
    notes = [read_note(folder, name) for name in names]
    return [note for note in notes if note is not None and note.alive()]


async def end(note: ProcessNote, first: signal.Signals, grace_seconds: float) -> bool:
    """Signals a process and waits for its end; kills it when it does not. True if the first signal was enough."""
    note.send(first)
    if await _ended(note, grace_seconds):
        return True
    note.send(signal.SIGKILL)
    await _ended(note, grace_seconds)
    return False


async def _ended(note: ProcessNote, within_seconds: float) -> bool:
    with trio.move_on_after(within_seconds):
        await poll_until(lambda: not note.alive())
    return not note.alive()
