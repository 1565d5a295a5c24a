"""What a lab once wrote, an engine and a node of today read: `tests/data/lab` says what is in it and how it was made."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors.host.messages import NodeLinked, from_node
from actors.kernel import Ports, codec_carrier
from cli.daemons.engine.wiring import Engine
from node.link.identity import Identity
from node.steps.log import FileStepLog
from node.steps.store import Record, StepStatus, StepStore
from protocol.codec import decode
from protocol.node.link import NodeHello
from protocol.node.reports import StepDone
from protocol.vm.model import Vm
from supervisors.tree import running
from tests.actors.journal.databases import PostgresDatabase, ask, embedded_server, fresh_database, give
from tests.engine.crashes import Crashes
from tests.engine.running import NoTokens
from tests.gateway.http import Client
from tests.gateway.running import running as running_gateway

DUMP: Final = Path(__file__).parents[1] / "data" / "lab"
LISTS: Final = {
    "/datacenters": {"Default": "up"},
    "/clusters": {"Default": None},
    "/hosts": {"real": "up", "real-2": "up", "sim-0001": "up", "sim-0002": "up"},
    "/storagedomains": {"local": "active"},
    "/templates": {"Blank": "ok", "tiny": "ok"},
    "/tags": {"root": None, "prod": None, "web": None},
    "/vms": {"web1": "up", "diskless": "up", "simulated": "up", "spare": "wait_for_launch", "idle": "down"},
}
STORED: Final = (
    ("entities", "state"),
    ("entities", "document"),
    ("journal", "event"),
    ("journal", "document"),
    ("commands", "reply"),
)


@pytest.fixture(scope="module")
def server_dsn() -> Iterator[str]:
    with embedded_server() as dsn:
        yield dsn


@pytest.fixture
def database(server_dsn: str) -> Iterator[PostgresDatabase]:
    """The lab's database, as an older version left it."""
    with fresh_database(server_dsn, "lab") as made:
        give(made.dsn, gzip.decompress((DUMP / "engine.sql.gz").read_bytes()).decode())
        yield made


@asynccontextmanager
async def leading(database: PostgresDatabase) -> AsyncIterator[Engine]:
    """The engine that takes over, with every actor started. Whatever crashes, fails."""
    ports, crashes = Ports.system(), Crashes()
    async with database.connect() as journal:
        epoch = await journal.acquire_lease("successor", 60.0)
        engine = Engine(journal, epoch, ports, NoTokens(), on_deposed=lambda: None)
        await engine.prepare()
        async with running(engine.tree(), ports, engine.directory, carrier=codec_carrier, observer=crashes):
            for kind in engine.kinds:
                for document in list(engine.rows.all(kind.resource.cls)):
                    assert engine.ensure(kind.kind, document.id) is not None
            await wait_all_tasks_blocked()
            yield engine
            await wait_all_tasks_blocked()
    crashes.check()


def test_every_stored_value_is_read(database: PostgresDatabase) -> None:
    trio.run(_migrate, database)
    for table, column in STORED:
        values = ask(database.dsn, f"SELECT {column} AS value FROM {table} WHERE length({column}) > 0")
        assert [type(decode(one["value"])) for one in values], (table, column)


async def _migrate(database: PostgresDatabase) -> None:
    async with database.connect():
        pass


async def test_every_actor_starts_and_lists_show_what_they_showed(database: PostgresDatabase, tmp_path: Path) -> None:
    async with leading(database) as engine, running_gateway(engine.port, tmp_path, live_port=None) as gateway:
        client = Client(gateway)
        await client.login()

        async def listed(path: str) -> list[dict[str, Any]]:
            (found,) = (await client.api("GET", path)).json().values()
            return list(found)

        for path, expected in LISTS.items():
            assert {one["name"]: one.get("status") for one in await listed(path)} == expected
        unfinished = [job["status"] for job in await listed("/jobs") if job["status"] != "finished"]
        assert sorted(unfinished) == ["aborted", "started"]
        assert "The backup of web1 is late." in [event["description"] for event in await listed("/events")]
        (web1,) = await listed("/vms?search=tag%3Dprod&follow=tags,disk_attachments.disk")
        assert [tag["name"] for tag in web1["tags"]["tag"]] == ["web"]
        disks = [attachment["disk"] for attachment in web1["disk_attachments"]["disk_attachment"]]
        assert {disk["name"]: disk["status"] for disk in disks} == {"web1_Disk1": "ok", "pages": "ok"}


def test_every_step_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records: list[Record] = []
    apply = StepStore.apply
    monkeypatch.setattr(StepStore, "apply", lambda store, record: (records.append(record), apply(store, record)))
    store = _opened_step_log(tmp_path).store
    outcomes = [decode(outcome) for kind, *_, outcome in records if kind == "done"]
    assert {type(outcome) for outcome in outcomes} == {StepDone}
    assert {store.step_status(outcome.step_id) for outcome in outcomes[:-1]} == {StepStatus.FORGOTTEN}
    assert store.step_status(outcomes[-1].step_id) is StepStatus.DONE
    for name in ("host.pem", "ca.pem"):
        shutil.copy(DUMP / name, tmp_path)
    assert store.host_id == Identity(tmp_path).host_id
    assert (store.highest_epoch, len(store.storage_domains)) == (1, 1)


async def test_an_outcome_that_the_old_engine_missed_is_taken(database: PostgresDatabase, tmp_path: Path) -> None:
    store = _opened_step_log(tmp_path).store
    (done,) = store.outbox()
    async with leading(database) as engine:
        host = engine.ensure("host", store.host_id)
        assert host is not None
        hello = NodeHello(host_id=store.host_id, version_min=1, version_max=1, node_version="0.1.0")
        host.tell(NodeLinked(host_id=store.host_id, session_id="again", hello=hello))
        host.tell(from_node("again", done))
        with trio.fail_after(10):
            while status_of(engine, "spare") != "powering_up":  # noqa: ASYNC110
                await trio.sleep(0.01)


def status_of(engine: Engine, name: str) -> str | None:
    (vm,) = engine.rows.named(Vm, name)
    return vm.status


def _opened_step_log(folder: Path) -> FileStepLog:
    return FileStepLog(Path(shutil.copy(DUMP / "step_log", folder)))
