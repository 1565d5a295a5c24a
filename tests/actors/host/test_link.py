"""Links over real TLS on loopback: who gets in, who is told why not, and what a bad peer costs."""

from __future__ import annotations

import datetime
import pathlib
import socket
import ssl

import pytest
import trio

from actors.host.enrolment.authority import Authority, Lifetimes
from actors.host.messages import NodeLinked, NodeUnlinked
from actors.wire.frames import FrameTransport, LinkEnded
from node.link.dial import connected, enrol
from node.link.identity import Identity
from protocol.codec import decode, encode
from protocol.errors import Refused
from protocol.node.commands import CertificateIssued, DestroyDomain, EngineHeartbeat, NodeCommand
from protocol.node.link import EngineHello, Enrol, LinkRefused
from protocol.node.reports import CertificateRequested, GuestSilent, NodeHeartbeat
from protocol.packing import pack, unpack
from tests.actors.host.link_bench import Bench, greet, host_id, linked, node_hello

since = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)


@pytest.fixture
async def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


async def until(condition: object, seconds: float = 5.0) -> None:
    assert callable(condition)
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is anything that a test can say
            await trio.sleep(0.01)


async def until_ended(transport: FrameTransport) -> None:
    try:
        while True:
            await transport.receive()
    except LinkEnded:
        return


async def refusal_of(bench: Bench, identity: Identity) -> str:
    """The code with which the dial was refused."""

    async def use(transport: FrameTransport) -> str:
        return "got in"

    with pytest.raises(Refused) as refused:
        await bench.dial(identity)(use)
    return refused.value.refusal.code


async def test_a_node_enrols_links_and_is_heard(bench: Bench) -> None:
    async with bench.listening():
        identity = await bench.enrolled()
        assert identity.host_id == host_id

        async def use(transport: FrameTransport) -> str:
            hello = await linked(transport)
            assert hello.epoch == 1
            await until(lambda: bench.hub.linked(host_id))
            await transport.send(encode(GuestSilent(vm_id="v", since=since)))
            await until(lambda: bench.ear.of(GuestSilent))
            assert bench.hub.send(host_id, NodeCommand(epoch=1, step_id="s", body=DestroyDomain(vm_id="v")))
            while not isinstance(got := decode(await transport.receive()), NodeCommand):
                assert isinstance(got, EngineHeartbeat)
            return got.step_id

        assert await bench.dial(identity)(use) == "s"
        await until(lambda: any(isinstance(m, NodeUnlinked) for m in bench.ear.links))
        assert not bench.hub.send(host_id, GuestSilent(vm_id="v", since=since))


async def test_a_heartbeat_ends_at_the_link(bench: Bench) -> None:
    async with bench.listening():
        identity = await bench.enrolled()

        async def use(transport: FrameTransport) -> str:
            await linked(transport)
            await until(lambda: bench.hub.linked(host_id))
            await transport.send(encode(NodeHeartbeat(epoch=1)))
            await transport.send(encode(GuestSilent(vm_id="v", since=since)))
            await until(lambda: bench.ear.of(GuestSilent))
            return "beat"

        assert await bench.dial(identity)(use) == "beat"
        assert not bench.ear.of(NodeHeartbeat), "it wakes no actor"


async def test_without_a_certificate_the_answer_is_403_with_the_reason(bench: Bench) -> None:
    async with bench.listening():
        assert await refusal_of(bench, bench.identity()) == "certificate_refused"


async def test_a_certificate_of_another_authority_ends_at_once_with_the_reason(
    bench: Bench, tmp_path: pathlib.Path
) -> None:
    stranger = Authority(tmp_path / "stranger", bench.ports.clock.wall, Lifetimes())
    identity = bench.identity()
    identity.install(stranger.sign_node(identity.request("n"), host_id))

    async def use(transport: FrameTransport) -> str:
        return "got in"

    async with bench.listening():
        with trio.fail_after(3), pytest.raises(LinkEnded, match="unknown ca"):
            await bench.dial(identity)(use)


async def test_the_servers_own_certificate_is_no_nodes(bench: Bench) -> None:
    async with bench.listening():
        cert_file, key_file = bench.authority.server_files(["127.0.0.1"])
        context = ssl.create_default_context(cafile=str(bench.authority.ca_file))
        context.load_cert_chain(cert_file, key_file)

        async def use(transport: FrameTransport) -> str:
            return "got in"

        with pytest.raises((Refused, LinkEnded)):  # by TLS or by us, whoever looks first
            await connected(bench.address, "/link", context, bench.ports.clock, use)


async def test_an_unknown_host_gets_403(bench: Bench) -> None:
    async with bench.listening():
        identity = await bench.enrolled()
        bench.known.clear()
        assert await refusal_of(bench, identity) == "unknown_host"


@pytest.mark.parametrize("seconds", [30.0, 3600.0, 90 * 86_400.0])
async def test_a_certificate_is_due_when_two_thirds_of_its_life_are_over_however_short(
    tmp_path: pathlib.Path, seconds: float
) -> None:
    bench = Bench(tmp_path, lifetimes=Lifetimes(node_seconds=seconds))
    async with bench.listening():
        identity = await bench.enrolled()
        due = identity.renewal_due()
        assert due is not None
        left = (due - bench.ports.clock.wall()).total_seconds()
        assert 0.5 * seconds < left < 2 / 3 * seconds


async def test_an_expired_certificate_may_only_renew(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path, lifetimes=Lifetimes(node_seconds=60))
    async with bench.listening():
        identity = await bench.enrolled()
        bench.shift = datetime.timedelta(seconds=3600)
        before = identity.certificate

        async def use(transport: FrameTransport) -> str:
            hello = await linked(transport)
            assert hello.renewal_only
            await transport.send(encode(GuestSilent(vm_id="v", since=since)))
            await transport.send(encode(CertificateRequested(csr_pem=identity.request("node"))))
            while not isinstance(got := decode(await transport.receive()), CertificateIssued):
                assert isinstance(got, EngineHeartbeat)
            identity.install(got.certificate_pem)
            assert not bench.hub.linked(host_id)
            return "renewed"

        assert await bench.dial(identity)(use) == "renewed"
        assert not bench.ear.of(GuestSilent), "nothing but the request is heard"
        (up,) = [m for m in bench.ear.links if isinstance(m, NodeLinked)]
        assert up.renewal_only
        assert identity.certificate != before

        async def again(transport: FrameTransport) -> str:
            assert not (await linked(transport)).renewal_only
            return "linked"

        assert await bench.dial(identity)(again) == "linked"


async def test_a_token_is_good_once_and_for_a_while(bench: Bench) -> None:
    async with bench.listening():
        token = await bench.enrolment.issue_token(host_id, lifetime_seconds=60)

        async def spend(name: str, spent: str = token) -> None:
            identity = bench.identity(name)
            request = Enrol(token=spent, csr_pem=identity.request(name), name=name, address="")
            await enrol(bench.address, identity, request, bench.ports.clock)

        await spend("first")
        await spend("first")  # the answer was lost: the same key may ask again
        with pytest.raises(Refused, match="used already"):
            await spend("second")
        with pytest.raises(Refused, match="not known"):
            await spend("second", "made up")
        late = await bench.enrolment.issue_token("another host", lifetime_seconds=60)
        bench.shift = datetime.timedelta(seconds=61)
        with pytest.raises(Refused, match="expired"):
            await spend("second", late)
        file = bench.state_dir / "engine" / "enrolment_tokens.json"
        assert file.stat().st_mode & 0o777 == 0o600
        assert token not in file.read_text()
        assert (bench.state_dir / "engine" / "ca.key").stat().st_mode & 0o777 == 0o600
        assert (bench.state_dir / "first" / "host.key").stat().st_mode & 0o777 == 0o600


async def test_a_broken_enrolment_is_refused(bench: Bench) -> None:
    async with bench.listening():
        identity = bench.identity()
        token = await bench.enrolment.issue_token(host_id)
        request = Enrol(token=token, csr_pem="nonsense", name="n", address="")
        with pytest.raises(Refused, match="signing request"):
            await enrol(bench.address, identity, request, bench.ports.clock)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"host_id": "another"}, "wrong_host"),
        ({"version_min": 90, "version_max": 99}, "version_mismatch"),
        ({"highest_epoch": 2}, "stale_epoch"),
    ],
)
async def test_a_hello_that_does_not_fit_is_refused_in_words(
    bench: Bench, changes: dict[str, object], code: str
) -> None:
    async with bench.listening():
        identity = await bench.enrolled()

        async def use(transport: FrameTransport) -> str:
            answer = await greet(transport, **changes)
            assert isinstance(answer, LinkRefused)
            return answer.refusal.code

        assert await bench.dial(identity)(use) == code
        assert bench.ear.links == []


async def test_a_newer_peer_with_unknown_fields_and_words_is_understood(bench: Bench) -> None:
    async with bench.listening():
        identity = await bench.enrolled()

        async def use(transport: FrameTransport) -> str:
            tag, version, fields = unpack(encode(node_hello(version_max=2)))
            await transport.send(pack([tag, version + 1, fields | {"colour": "blue"}]))
            assert isinstance(decode(await transport.receive()), EngineHello)
            await transport.send(pack(["node.word_of_version_nine", 1, {"x": 1}]))
            tag, version, fields = unpack(encode(GuestSilent(vm_id="v", since=since)))
            await transport.send(pack([tag, version + 1, fields | {"mood": "good"}]))
            await until(lambda: bench.ear.of(GuestSilent))
            return "understood"

        assert await bench.dial(identity)(use) == "understood"


async def test_a_broken_frame_ends_the_link(bench: Bench) -> None:
    async with bench.listening():
        identity = await bench.enrolled()

        async def use(transport: FrameTransport) -> str:
            await linked(transport)
            await transport.send(b"\xc1 not msgpack")
            await until_ended(transport)
            return ""

        await bench.dial(identity)(use)
        await until(lambda: any(isinstance(m, NodeUnlinked) and "broken" in m.reason for m in bench.ear.links))


async def test_a_second_link_replaces_the_first(bench: Bench) -> None:
    async with bench.listening(), trio.open_nursery() as nursery:
        identity = await bench.enrolled()
        first_ended = trio.Event()

        async def first(transport: FrameTransport) -> str:
            await linked(transport)
            await until_ended(transport)
            first_ended.set()
            return ""

        nursery.start_soon(bench.dial(identity), first)
        await until(lambda: bench.hub.linked(host_id))
        session = bench.hub.session_of(host_id)

        async def second(transport: FrameTransport) -> str:
            await linked(transport)
            await until(lambda: bench.hub.session_of(host_id) not in ("", session))
            with trio.fail_after(5):
                await first_ended.wait()
            assert bench.hub.linked(host_id)
            return ""

        await bench.dial(identity)(second)


async def test_an_unauthenticated_peer_may_not_send_much(bench: Bench) -> None:
    async with bench.listening():
        context = bench.identity().tls(with_certificate=False)

        async def use(transport: FrameTransport) -> str:
            await transport.send(bytes(70 * 1024))
            await transport.receive()
            return "heard"

        with pytest.raises(LinkEnded, match="1009"):
            await connected(bench.address, "/enrol", context, bench.ports.clock, use)


async def test_silent_connections_cost_nothing_for_long(bench: Bench) -> None:
    bench.settings = {"handshake_timeout_seconds": 0.3}
    async with bench.listening():
        identity = await bench.enrolled()
        with socket.create_connection(("127.0.0.1", bench.port)) as mute:
            mute.settimeout(5)
            assert await trio.to_thread.run_sync(mute.recv, 1) == b"", "no TLS handshake"

        async def says_nothing(transport: FrameTransport) -> str:
            with trio.fail_after(5), pytest.raises(LinkEnded):
                await transport.receive()
            return "closed"

        assert await bench.dial(identity)(says_nothing) == "closed"


async def test_a_peer_that_stops_reading_is_dropped_and_others_go_on(bench: Bench) -> None:
    bench.settings = {"silent_after_seconds": 1.0, "heartbeat_period_seconds": 0.2}
    async with bench.listening():
        identity = await bench.enrolled()

        async def deaf(transport: FrameTransport) -> str:
            await linked(transport)
            await until(lambda: bench.hub.linked(host_id))
            with trio.move_on_after(6):
                while bench.hub.linked(host_id):
                    for _ in range(50):
                        command = NodeCommand(epoch=1, step_id="x" * 100_000, body=DestroyDomain(vm_id="v"))
                        bench.hub.send(host_id, command)
                    await trio.sleep(0.1)
                    await transport.send(encode(GuestSilent(vm_id="v", since=since)))
            assert not bench.hub.linked(host_id)
            return "dropped"

        with trio.fail_after(20):
            try:
                await bench.dial(identity)(deaf)
            except LinkEnded:
                pass
        assert any(isinstance(m, NodeUnlinked) for m in bench.ear.links)


async def test_garbage_instead_of_tls_or_http_is_survived(bench: Bench) -> None:
    async with bench.listening():
        identity = await bench.enrolled()
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 10):
            stream = await trio.open_tcp_stream("127.0.0.1", bench.port)
            await stream.send_all(garbage)
            await stream.aclose()
        context = identity.tls()
        for garbage in (b"GET /link HTTP/1.1\r\n\r\n", b"\x00" * 100_000, b"POST / HTTP/1.1\r\nHost: x\r\n\r\n"):
            raw = await trio.open_tcp_stream("127.0.0.1", bench.port)
            tls = trio.SSLStream(raw, context, server_hostname="127.0.0.1", https_compatible=True)
            try:
                await tls.send_all(garbage)
                with trio.move_on_after(1):
                    await tls.receive_some(100)
            except trio.BrokenResourceError:
                pass
            await trio.aclose_forcefully(tls)

        async def use(transport: FrameTransport) -> str:
            await linked(transport)
            return "linked"

        assert await bench.dial(identity)(use) == "linked"
