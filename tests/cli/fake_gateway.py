"""A gateway of a few lines over real sockets: collections in dictionaries, REST in oVirt's JSON.

It must not use anything of the real gateway: the client is tested against the documented form, not against its maker.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

API = "/ovirt-engine/api"
Document = dict[str, Any]


class FakeGateway:
    """What it holds, what it was asked, and what it answers out of the ordinary."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, Document]] = {}
        self.requests: list[tuple[str, str, Document]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: dict[str, tuple[int, Document]] = {}  # "POST vms/ID/start" -> status, body
        self.answers: dict[str, Document] = {}  # likewise, of actions
        self.tokens = {"token-1"}
        self.password = "secret"
        self.url = ""
        self._ids = itertools.count(1)

    def put(self, collection: str, **document: Any) -> str:
        """Adds a document and returns its id."""
        made = str(document.setdefault("id", f"00000000-0000-0000-0000-{next(self._ids):012d}"))
        self.collections.setdefault(collection, {})[made] = document
        return made

    def asked(self, method: str) -> list[tuple[str, Document]]:
        """Path and body of every request of a method, in order."""
        return [(path, body) for kind, path, body in self.requests if kind == method]

    def answer(self, method: str, path: str, query: dict[str, str], body: Document) -> tuple[int, Document]:
        if f"{method} {path}" in self.faults:
            return self.faults[f"{method} {path}"]
        collection, _, last = path.rpartition("/")
        if path in self.collections or not collection:
            return self._whole(method, path, query, body)
        held = self.collections.get(collection, {})
        if last in held:
            return self._member(method, held, last, body)
        if method == "POST" and collection.rpartition("/")[2] in self.collections.get(
            collection.rpartition("/")[0], {}
        ):
            return 200, {"status": "complete", **self.answers.get(f"POST {path}", {})}
        return 404, {"fault": {"reason": "Not found.", "detail": f"There is no {path}."}}

    def _whole(self, method: str, path: str, query: dict[str, str], body: Document) -> tuple[int, Document]:
        if not path:
            return 200, {"product_info": {"name": "Corral", "version": {"full_version": "0.1.0"}},
                         "summary": {"vms": {"active": "1", "total": "2"}, "hosts": {"active": "1", "total": "1"}}}  # fmt: skip
        tag = path.rpartition("/")[2].removesuffix("s")
        if method == "POST":
            made = self.put(path, **body)
            return 201, self.collections[path][made]
        found = list(self.collections.get(path, {}).values())
        wanted = re.findall(r'(\w+) = "([^"]*)"', query.get("search", ""))
        if wanted:
            found = [document for document in found if any(document.get(key) == value for key, value in wanted)]
        return 200, {tag: found[: int(query.get("max", "1000"))]}

    def _member(self, method: str, held: dict[str, Document], id: str, body: Document) -> tuple[int, Document]:
        if method == "PUT":
            held[id].update(body)
        if method == "DELETE":
            del held[id]
            return 200, {"status": "complete"}
        return 200, held[id]


@contextmanager
def serving(fake: FakeGateway) -> Iterator[FakeGateway]:
    """Serves it on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = self.reply(unquote(parts.path), {k: v[0] for k, v in parse_qs(parts.query).items()}, data)
            encoded = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_POST = do_PUT = do_DELETE = do_GET

        def reply(self, path: str, query: dict[str, str], data: bytes) -> tuple[int, Document]:
            if path == "/ovirt-engine/sso/oauth/token":
                form = parse_qs(data.decode())
                if form["password"] == [fake.password] and form["scope"] == ["ovirt-app-api"]:
                    return 200, {"access_token": "token-1", "token_type": "bearer", "scope": "ovirt-app-api"}
                return 401, {"error": "access_denied", "error_description": "The user name or password is wrong."}
            if path == "/ovirt-engine/services/sso-logout":
                fake.tokens.discard(parse_qs(data.decode())["token"][0])
                return 200, {}
            body = json.loads(data) if data else {}
            fake.headers.append(dict(self.headers.items()))
            below = path.removeprefix(API).strip("/")
            asked = "?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else ""
            fake.requests.append((self.command, below + asked, body))
            if self.headers.get("Authorization", "").removeprefix("Bearer ") not in fake.tokens:
                return 401, {"fault": {"reason": "Not logged in."}}
            return fake.answer(self.command, below, query, body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
