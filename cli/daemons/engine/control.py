"""The lab's control socket (0600): tokens, the tiny template, crash hooks. Only labs open it.

A question is a map `{"do": ...}`; the reply is a map, with `error` when refused. It must not do what a user could do by
the API without going through the command router.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio

from actors.entity.messages import Crash
from cli.daemons.control_socket import serve, timeout_seconds
from cli.daemons.engine.wiring import Engine
from protocol.command import Command
from protocol.document import Ref, id_of, kind_and_id
from protocol.errors import BadInput, Conflict, NotFound, Refusal
from protocol.host.commands import AddHost, IssueEnrolmentToken
from protocol.host.model import Host
from protocol.inventory.model import Cluster, Cpu, CpuTopology
from protocol.live.engine import Accepted, Principal, Submit
from protocol.storage.commands import AddStorageDomain
from protocol.storage.model import HostStorage, StorageDomain
from protocol.template.commands import ImportTemplate
from protocol.template.model import Template
from protocol.vm.model import Boot, OperatingSystem

tiny_memory_bytes = 256 * 1024**2

LAB = Principal(user_id="lab", name="lab@internal", administrator=True)


class EngineControl:
    """Answers on `state_dir/control.sock`."""

    def __init__(self, engine: Engine, state_dir: Path) -> None:
        self._engine = engine
        self._path = state_dir / "control.sock"
        self._doers: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "enrolment_token": self._enrolment_token,
            "host_is_up": self._host_is_up,
            "register_tiny": self._register_tiny,
            "crash_actor": self._crash_actor,
        }

    async def run(self) -> None:
        """Serves until cancelled."""
        await serve(self._path, self._answer)

    async def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        doer = self._doers.get(str(question.get("do")))
        if doer is None:
            raise BadInput(f"There is no command {question.get('do')!r}; the commands are {', '.join(self._doers)}")
        return await doer(question)

    async def _submit(self, command: Command) -> Accepted:
        submit = Submit(command_id=self._engine.ports.ids.uuid(), principal=LAB, command=command, correlation_id="lab")
        answer = await self._engine.command_router.submit(submit)
        if isinstance(answer, Refusal):
            raise Conflict(str(answer))
        return answer

    async def _enrolment_token(self, question: dict[str, Any]) -> dict[str, Any]:
        name = str(question["host"])
        rows = self._engine.rows
        known = rows.named(Host, name)
        if known:
            host_id = id_of(known[0])
        else:
            address = str(question.get("address") or name)
            host_id = (await self._submit(AddHost(document=Host(name=name, address=address)))).id
        accepted = await self._submit(IssueEnrolmentToken(id=host_id))
        ticket: Any = accepted.result
        return {"token": ticket.ticket.value, "host_id": host_id}

    async def _host_is_up(self, question: dict[str, Any]) -> dict[str, Any]:
        host_id = str(question["host_id"])
        await self._awaited(f"host {host_id}", "up", lambda: self._engine.rows.get(Host, host_id))
        return {}

    async def _register_tiny(self, question: dict[str, Any]) -> dict[str, Any]:
        """A storage domain on the real host and the template `tiny` on it; what is there already stays."""
        rows = self._engine.rows
        host_id, path = str(question["host_id"]), str(question["storage"])
        await self._host_is_up(question)

        def domain_there() -> Any:
            return next((one for one in rows.all(StorageDomain) if _path_of(one) == path), None)

        if domain_there() is None:
            document = StorageDomain(
                name="local",
                description="A directory of the lab's real host",
                type="data",
                host=Ref(id=host_id),
                storage=HostStorage(type="localfs", path=path),
            )
            await self._submit(AddStorageDomain(document=document))
        storage_domain = await self._awaited(f"the storage domain in {path}", "active", domain_there)
        if not rows.named(Template, "tiny"):
            cluster = rows.named(Cluster, "Default")[0]
            template = Template(
                name="tiny",
                description="A small Linux with the guest agent; root without a password on the serial console",
                cluster=Ref(id=cluster.id),
                memory=tiny_memory_bytes,
                cpu=Cpu(architecture="x86_64", topology=CpuTopology(sockets=1, cores=1, threads=1)),
                os=OperatingSystem(type="other_linux", boot=Boot(devices=("hd",))),
                type="server",
            )
            await self._submit(
                ImportTemplate(
                    document=template,
                    storage_domain_id=storage_domain.id,
                    image_path=str(question["image"]),
                    image_format="qcow2",
                    image_bytes=int(question["size_bytes"]),
                )
            )
        await self._awaited("template tiny", "ok", lambda: next(iter(rows.named(Template, "tiny")), None))
        return {"template": "tiny"}

    async def _awaited(self, what: str, status: str, look: Callable[[], Any]) -> Any:
        """The object once it has the status. Refused when it does not come to it."""
        found: Any = None
        with trio.move_on_after(timeout_seconds - 5):
            while True:
                found = look()
                if found is not None and found.status == status:
                    return found
                if found is not None and found.status == "maintenance":  # only a person ends it
                    break
                await trio.sleep(0.1)
        if found is None:
            raise NotFound(f"There is no {what}.")
        raise Conflict(f"{what} is {found.status}, not {status}")

    async def _crash_actor(self, question: dict[str, Any]) -> dict[str, Any]:
        """The actor at `address` raises in its next message."""
        kind, id = kind_and_id(str(question["address"]))
        if self._engine.rows.row(kind, id) is None:
            raise NotFound(f"There is no {kind}/{id}.")
        ref = self._engine.ensure(kind, id)
        assert ref is not None
        ref.tell(Crash())
        return {"crashed": ref.address}


def _path_of(domain: StorageDomain) -> str | None:
    return domain.storage.path if domain.storage is not None else None
