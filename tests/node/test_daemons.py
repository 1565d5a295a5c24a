"""The node daemons as they run: enrolment, ready file, links over TLS, renewal, power cuts. No libvirt here."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest
import trio

from actors.host.enrolment.authority import Lifetimes
from actors.host.messages import NodeLinked, NodeUnlinked
from cli.daemons.control_socket import ask, serve
from cli.daemons.node.config import NodeConfig
from cli.daemons.node.running import run as run_node
from cli.daemons.simulated_nodes.config import SimulatedNodesConfig
from cli.daemons.simulated_nodes.running import run as run_simulated
from cli.daemons.simulated_nodes.tokens import EnrolmentTokens
from node.link.identity import Identity
from protocol.errors import Conflict, CorralError, HostFailed
from protocol.node.reports import DomainsSnapshot, HostFacts
from tests.actors.host.link_bench import Bench, host_id


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is anything that a test can say
            await trio.sleep(0.02)


@contextlib.asynccontextmanager
async def alive(serve: Callable[..., Any], *arguments: Any) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, *arguments)
        yield
        nursery.cancel_scope.cancel()


def node_config(bench: Bench, **changes: Any) -> NodeConfig:
    fields: dict[str, Any] = {
        "state_dir": bench.state_dir / "host",
        "engine_url": f"wss://127.0.0.1:{bench.port}",
        "ca_file": bench.authority.ca_file,
        "hypervisor": "simulated",
        "name": "host-a",
    }
    return NodeConfig(**(fields | changes))


async def test_a_host_enrols_links_reports_and_links_again_without_its_token(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path)
    async with bench.listening():
        token = await bench.enrolment.issue_token(host_id)
        ready = tmp_path / "host" / "ready.json"
        async with alive(run_node, node_config(bench, token=token)):
            await until(ready.exists)
            assert json.loads(ready.read_text())["host_id"] == host_id
            await until(lambda: bench.ear.of(HostFacts) and bench.ear.of(DomainsSnapshot))
            with pytest.raises((Conflict, BaseExceptionGroup)):
                await run_node(node_config(bench))
        assert not ready.exists()
        await until(lambda: isinstance(bench.ear.links[-1], NodeUnlinked))
        async with alive(run_node, node_config(bench)):
            await until(lambda: bench.hub.linked(host_id))
            incarnations = {link.hello.incarnation for link in bench.ear.links if isinstance(link, NodeLinked)}
            assert len(incarnations) == 2


async def test_a_host_without_token_or_with_a_spent_one_says_so(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path)
    async with bench.listening():
        with pytest.raises(CorralError, match="not enrolled"):
            await run_node(node_config(bench))
        with pytest.raises(CorralError, match="not known"):
            await run_node(node_config(bench, token="made up"))


async def test_the_certificate_is_renewed_while_the_link_stands(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path, lifetimes=Lifetimes(node_seconds=3))
    async with bench.listening():
        token = await bench.enrolment.issue_token(host_id)
        async with alive(run_node, node_config(bench, token=token)):
            await until(lambda: bench.hub.linked(host_id))
            session = bench.hub.session_of(host_id)
            identity = Identity(tmp_path / "host")
            first = identity.certificate
            bench.authority.lifetimes = Lifetimes(node_seconds=3600)
            await until(lambda: identity.certificate != first)
            assert bench.hub.session_of(host_id) == session, "nothing was dropped"


async def test_an_expired_host_comes_back_by_itself(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path, lifetimes=Lifetimes(node_seconds=1))
    async with bench.listening():
        token = await bench.enrolment.issue_token(host_id)
        identity = Identity(tmp_path / "host", bench.authority.ca_file)
        assert identity.certificate is None
        with trio.move_on_after(0.7):
            await run_node(node_config(bench, token=token))
        assert identity.certificate is not None
        await trio.sleep(1)
        bench.authority.lifetimes = Lifetimes(node_seconds=3600)
        async with alive(run_node, node_config(bench)):
            await until(lambda: bench.hub.linked(host_id))
        assert any(isinstance(link, NodeLinked) and link.renewal_only for link in bench.ear.links)


async def test_a_host_that_was_removed_says_so_until_it_is_known_again(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path)
    ready, refused = tmp_path / "host" / "ready.json", tmp_path / "host" / "refused.json"
    async with bench.listening():
        await bench.enrolled("host")
        bench.known.clear()
        async with alive(run_node, node_config(bench)):
            await until(refused.exists)
            assert "not known here" in json.loads(refused.read_text())["reason"]
            assert not ready.exists()
            bench.known.add(host_id)
            await until(ready.exists)
            assert not refused.exists()


async def test_removed_simulated_hosts_do_not_keep_the_others_from_serving(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path)
    hosts = [f"00000000-0000-4000-8000-{number:012}" for number in range(3)]
    bench.known |= set(hosts)
    async with bench.listening():
        tokens = [await bench.enrolment.issue_token(host) for host in hosts]
        config = SimulatedNodesConfig(
            state_dir=tmp_path / "simulated",
            engine_url=f"wss://127.0.0.1:{bench.port}",
            ca_file=bench.authority.ca_file,
            hosts=3,
            tokens=(*tokens[:2], "made up"),
        )
        ready = tmp_path / "simulated" / "ready.json"
        async with alive(run_simulated, config):
            await until(ready.exists)
            said = json.loads(ready.read_text())
            assert said["hosts"] == {"sim-0001": hosts[0], "sim-0002": hosts[1]}
            assert "not known" in said["refused"]["sim-0003"], "its token is none"
        await until(lambda: not bench.hub.linked(hosts[1]))
        bench.known.remove(hosts[1])
        async with alive(run_simulated, attrs.evolve(config, tokens=("", "", tokens[2]))):
            await until(ready.exists)
            said = json.loads(ready.read_text())
            assert said["hosts"] == {"sim-0001": hosts[0], "sim-0003": hosts[2]}
            assert "may have been removed" in said["refused"]["sim-0002"]


async def test_a_host_that_was_renamed_to_the_name_of_a_new_one_is_not_doubled(tmp_path: pathlib.Path) -> None:
    renamed = "00000000-0000-4000-8000-000000000001"

    async def engine(question: dict[str, Any]) -> dict[str, Any]:
        return {"token": "once", "host_id": renamed}

    config = SimulatedNodesConfig(
        state_dir=tmp_path, engine_url="wss://127.0.0.1:1", ca_file=tmp_path / "ca",
        engine_control_socket=str(tmp_path / "control.sock"),
    )  # fmt: skip
    async with alive(serve, tmp_path / "control.sock", engine):
        await until((tmp_path / "control.sock").exists)
        with pytest.raises(Conflict, match="renamed to sim-0002"):
            await EnrolmentTokens(config, {renamed}.__contains__).of("sim-0002")
        assert await EnrolmentTokens(config, {"another"}.__contains__).of("sim-0002") == "once"


async def test_many_simulated_hosts_and_a_power_cut(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path)
    hosts = [f"00000000-0000-4000-8000-{number:012}" for number in range(5)]
    bench.known |= set(hosts)
    async with bench.listening():
        tokens = [await bench.enrolment.issue_token(host) for host in hosts]
        (tmp_path / "tokens").write_text("\n".join(tokens))
        config = SimulatedNodesConfig(
            state_dir=tmp_path / "simulated",
            engine_url=f"wss://127.0.0.1:{bench.port}",
            ca_file=bench.authority.ca_file,
            hosts=5,
            tokens_file=str(tmp_path / "tokens"),
        )
        async with alive(run_simulated, config):
            ready = tmp_path / "simulated" / "ready.json"
            await until(ready.exists)
            assert json.loads(ready.read_text())["hosts"]["sim-0003"] == hosts[2]
            assert all(bench.hub.linked(host) for host in hosts)
            control = tmp_path / "simulated" / "control.sock"
            assert control.stat().st_mode & 0o777 == 0o600
            assert await ask(control, {"do": "kill_host", "host": "sim-0002"}) == {"killed": "sim-0002"}
            await until(lambda: not bench.hub.linked(hosts[1]))
            assert bench.hub.linked(hosts[2])
            with pytest.raises(HostFailed, match="no simulated host"):
                await ask(control, {"do": "kill_host", "host": "sim-9999"})
