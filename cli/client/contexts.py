"""Saved logins, in a file that only its owner can read."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cli.problems import LoggedOut, Problem

_API_PATHS = ("/ovirt-engine/api", "/ovirt-engine", "/api")


@dataclasses.dataclass(frozen=True, kw_only=True)  # attrs would be a third of the start of every command
class GatewayContext:
    """One gateway and one session. `ws_url` and `live_url` are empty where they follow from `url`.

    `settings` are those of the shell that `save` wrote.
    """

    name: str = ""
    url: str = ""
    token: str = ""
    user: str = ""
    ca_file: str = ""
    ws_url: str = ""
    live_url: str = ""
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def socket_url(self) -> str:
        """Where the JSON live socket is, `wss://host:port/ws`."""
        base = self.ws_url or self.url.replace("http", "ws", 1)
        return base if urlsplit(base).path.strip("/") else base.rstrip("/") + "/ws"

    @property
    def login_command(self) -> str:
        """The exact words that log in here again."""
        parts = ["corral login", self.url or "URL"]
        parts += [f"--user {self.user}"] if self.user else []
        parts += [f"--ca-file {self.ca_file}"] if self.ca_file else []
        parts += [f"--context {self.name}"] if self.name not in ("", "default") else []
        return " ".join(parts)


TEXTS = tuple(field.name for field in dataclasses.fields(GatewayContext) if field.name != "settings")


@dataclasses.dataclass(frozen=True)
class Contexts:
    """All of them by name, and the one in use."""

    current: str
    by_name: dict[str, GatewayContext]


def path() -> str:
    """The file, below `CORRAL_CONFIG_DIR` or the user's own configuration folder."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(os.environ.get("CORRAL_CONFIG_DIR") or os.path.join(base, "corral"), "contexts.toml")


def load() -> Contexts:
    """What is in the file; nothing when there is none. Raises `Problem` when it is not readable."""
    try:
        with open(path(), "rb") as file:
            kept = tomllib.load(file)
    except FileNotFoundError:
        return Contexts("", {})
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Problem(f"{path()} cannot be read: {error}. Repair or remove it, then log in again.") from error
    by_name = {name: _context(name, entry) for name, entry in kept.get("contexts", {}).items()}
    return Contexts(str(kept.get("current", "")), by_name)


def _context(name: str, entry: Mapping[str, Any]) -> GatewayContext:
    texts: dict[str, Any] = {key: str(value) for key, value in entry.items() if key in TEXTS and key != "name"}
    settings = entry.get("settings")
    settings = {key: str(value) for key, value in settings.items()} if isinstance(settings, dict) else {}
    return GatewayContext(name=name, settings=settings, **texts)


def save(contexts: Contexts) -> None:
    """Writes the file anew, mode 0600, so that a reader sees the old or the new one. Raises `Problem`."""
    lines = [f"current = {_quoted(contexts.current)}"]
    for name, context in sorted(contexts.by_name.items()):
        lines += ["", f"[contexts.{_quoted(name)}]"]
        fields = {key: str(getattr(context, key)) for key in TEXTS if getattr(context, key)}
        lines += [f"{key} = {_quoted(value)}" for key, value in fields.items() if key != "name"]
        if context.settings:
            lines += ["", f"[contexts.{_quoted(name)}.settings]"]
            lines += [f"{key} = {_quoted(value)}" for key, value in sorted(context.settings.items())]
    folder = os.path.dirname(path())
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, fresh = tempfile.mkstemp(dir=folder, prefix=".contexts-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        os.replace(fresh, path())
    except OSError as error:
        raise Problem(
            f"{path()} cannot be written: {error.strerror}. Set CORRAL_CONFIG_DIR to a writable directory."
        ) from error


def active(name: str = "") -> GatewayContext:
    """The context to work in: `name`, or the current one, with CORRAL_URL, CORRAL_TOKEN and CORRAL_CA_FILE over it."""
    environment: dict[str, Any] = {
        field: value
        for field, variable in (("url", "CORRAL_URL"), ("token", "CORRAL_TOKEN"), ("ca_file", "CORRAL_CA_FILE"))
        if (value := os.environ.get(variable))
    }
    if "url" in environment and not name:
        return GatewayContext(**{**environment, "url": clean_url(environment["url"])})
    kept = load()
    wanted = name or kept.current
    found = kept.by_name.get(wanted)
    if found is None:
        if name:
            known = ", ".join(sorted(kept.by_name)) or "none"
            raise Problem(f"context {name} does not exist (there are: {known}). See: corral context list")
        raise LoggedOut("not logged in. Log in with: corral login https://HOST:PORT --user admin@internal")
    return dataclasses.replace(found, **environment)


def remember(context: GatewayContext) -> None:
    """Adds or replaces a context and makes it the current one."""
    kept = load()
    save(Contexts(context.name, {**kept.by_name, context.name: context}))


def forget(name: str) -> None:
    """Removes a context. Raises `Problem` when there is none of that name."""
    kept = load()
    if name not in kept.by_name:
        raise Problem(f"context {name} does not exist. See: corral context list")
    left = {key: context for key, context in kept.by_name.items() if key != name}
    save(Contexts("" if kept.current == name else kept.current, left))


def clean_url(url: str) -> str:
    """`https://host:port` of whatever address of the gateway was given. Raises `Problem` for anything else."""
    with_scheme = url if "://" in url else f"https://{url}"
    try:
        parts = urlsplit(with_scheme)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise Problem(f"{url} is not a gateway URL. Use one such as https://engine.example.com:8443")
    path_below = parts.path.rstrip("/")
    for known in _API_PATHS:
        path_below = path_below.removesuffix(known)
    return f"{parts.scheme}://{parts.netloc}{path_below}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
