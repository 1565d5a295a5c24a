"""The engine's own certificate in an engine that runs for years, on a virtual clock; handshakes through memory."""

from __future__ import annotations

import pathlib
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trio
from cryptography import x509

from actors.host.enrolment.authority import Authority, Lifetimes
from actors.host.enrolment.server_certificate import ServerCertificate
from actors.kernel.ports import Ports

day = 86_400.0


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual clock runs ahead of a thread, and a thread cannot read it."""

    async def at_once(run: Callable[..., Any], *args: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return run(*args)

    monkeypatch.setattr(trio.to_thread, "run_sync", at_once)


def shown(context: ssl.SSLContext) -> x509.Certificate:
    """The certificate that a client gets to see now."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = anybody.wrap_bio(to_client, to_server), context.wrap_bio(to_server, to_client, server_side=True)
    for peer in (client, server, client, server):
        try:
            peer.do_handshake()
        except ssl.SSLWantReadError:
            continue
    der = client.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


async def test_a_running_server_shows_a_new_certificate_before_the_old_one_expires(
    tmp_path: pathlib.Path, no_threads: None, autojump_clock: object
) -> None:
    ports = Ports.seeded(1)
    authority = Authority(tmp_path, ports.clock.wall, Lifetimes())
    certificate = ServerCertificate(authority, ["localhost"])
    context = certificate.follow(authority.server_context(["localhost"]))
    first = shown(context)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(certificate.keep, ports.clock)
        await trio.sleep(260 * day)
        assert shown(context) == first
        await trio.sleep(8 * day)
        second = shown(context)
        assert first.not_valid_after_utc > ports.clock.wall(), "in time"
        assert second.not_valid_after_utc > first.not_valid_after_utc
        for _ in range(10):
            await trio.sleep(200 * day)
            assert shown(context).not_valid_after_utc > ports.clock.wall()
        nursery.cancel_scope.cancel()


async def test_files_that_do_not_fit_or_cannot_be_read_leave_the_old_one_in_place(
    tmp_path: pathlib.Path, no_threads: None, autojump_clock: object
) -> None:
    ports = Ports.seeded(1)
    authority = Authority(tmp_path, ports.clock.wall, Lifetimes())
    certificate = ServerCertificate(authority, ["localhost"])
    context = certificate.follow(authority.server_context(["localhost"]))
    first = shown(context)
    other = Authority(tmp_path / "other", ports.clock.wall, Lifetimes())
    good_files = authority.server_files
    async with trio.open_nursery() as nursery:
        nursery.start_soon(certificate.keep, ports.clock)
        foreign = other.server_files(["localhost"])[0], good_files(["localhost"])[1]
        for broken in (foreign, (tmp_path / "nothing", tmp_path / "nothing")):
            authority.server_files = lambda names, files=broken: files  # type: ignore[method-assign, misc]
            await trio.sleep(3 * day)
            assert shown(context) == first
        authority.server_files = good_files  # type: ignore[method-assign]
        await trio.sleep(270 * day)
        assert shown(context) != first
        nursery.cancel_scope.cancel()


async def test_contexts_that_nobody_uses_are_let_go(tmp_path: pathlib.Path) -> None:
    ports = Ports.system()
    authority = Authority(tmp_path, ports.clock.wall, Lifetimes())
    certificate = ServerCertificate(authority, ["localhost"])
    certificate.follow(authority.server_context(["localhost"]))
    assert not certificate._contexts
