"""What our own server is told and where it writes: settings, who may come in, log and lock.

It must not listen on a network, nor put into its log what its clients write.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from actors.journal.embedded.place import Account, DatabasePlace

log_bytes_max: Final = 10 * 1024 * 1024

role: Final = "corral"
database: Final = "corral"

_settings: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "40",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "log_checkpoints": "off",
    "log_min_messages": "log",  # errors go to the client, which tells them
    "log_min_error_statement": "panic",  # statements hold what they write
    "max_parallel_workers_per_gather": "0",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


def server_settings(place: DatabasePlace) -> dict[str, str]:
    """Every setting that the server is started with."""
    return _settings | {
        "shared_buffers": f"{_shared_buffers_mebibytes()}MB",
        "hba_file": str(place.access),
        "ident_file": str(place.users),
        "unix_socket_directories": f'"{place.sockets}"',
    }


def subprocess_options(account: Account, place: DatabasePlace) -> dict[str, Any]:
    """Of every process that runs for the server: its account, its directory, nothing of our environment."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    return {"cwd": str(place.base), "env": environment, "umask": 0o077, **account.switch}


def _shared_buffers_mebibytes() -> int:
    """A thirty-second of the machine's memory: the entities in use, not the history. Taken only as it is filled."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(64, min(1024, memory // 32 // 2**20))


def write_access(place: DatabasePlace, account: Account) -> None:
    """Who may come in: by the socket, as the user that he is, and no other way. Written anew before each start."""
    users = sorted({account.name, "root"} if os.geteuid() == 0 else {account.name})
    for path, text in (
        (place.access, "local all all peer map=corral\n"),
        (place.users, "".join(f'corral "{user}" {role}\n' for user in users)),
    ):
        path.write_text(text, encoding="utf-8")
        os.chown(path, -1, account.gid)
        path.chmod(0o640)


def open_log(place: DatabasePlace) -> IO[bytes]:
    """The log, opened for appending; a large one is set aside first."""
    if place.log.exists() and place.log.stat().st_size > log_bytes_max:
        place.log.replace(place.log.with_suffix(".log.1"))
    output = place.log.open("ab")
    os.fchmod(output.fileno(), 0o600)
    return output


def tail(path: Path) -> str:
    """The end of the log, for an error's text."""
    return path.read_text(encoding="utf-8", errors="replace")[-1000:].strip()


@contextmanager
def open_lock(path: Path) -> Iterator[IO[bytes]]:
    """The file that starts are serialized by."""
    with path.open("ab") as file:
        yield file


def try_lock(file: IO[bytes]) -> bool:
    """Takes the lock if nobody has it; it goes with the file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
