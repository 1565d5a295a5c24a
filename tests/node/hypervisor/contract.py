"""What every hypervisor keeps, told as stories; a harness makes the host and its faults. Holds no test by itself."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import attrs
import pytest
import trio

from node.hypervisor.port import Capability, Counters, EventsMissing, Hypervisor
from protocol.errors import BadInput, Busy, Conflict, CorralError, HostFailed, NotFound, NotLegal, Unavailable
from protocol.node.domain import DomainDisk, DomainNic, DomainObserved, DomainSpec, DomainStatus, StopReason, VolumeRef
from protocol.node.reports import DomainChanged

MISSING = VolumeRef(
    storage_domain_id="11111111-0000-4000-8000-000000000001",
    image_id="aaaaaaaa-0000-4000-8000-0000000000ff",
    volume_id="bbbbbbbb-0000-4000-8000-0000000000ff",
    format="raw",
)


@contextlib.asynccontextmanager
async def opened(hypervisor: Hypervisor) -> AsyncIterator[Hypervisor]:
    """Connects, runs and closes around a block; the node's tree does it by supervision."""
    await hypervisor.connect()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hypervisor.run)
            yield hypervisor
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 10):
            await hypervisor.close()


class Harness(Protocol):
    hypervisor: Hypervisor
    saved_path: str
    patience_seconds: float  # for what a guest does

    def spec(self, number: int = 1, *, paused: bool = False) -> DomainSpec:
        """A guest that can boot, with a display."""
        ...

    def resolve(self, volume: VolumeRef) -> str:
        """A path; of a volume that does not exist."""
        ...

    def disk(self, number: int) -> DomainDisk:
        """An empty raw disk of a MiB whose volume exists."""
        ...

    async def until_up(self, vm_id: str) -> None:
        """The guest has booted as far as it hears the power button and its agent's port is open."""
        ...

    async def reboot_inside(self, vm_id: str) -> None:
        """Somebody types `reboot` in the guest."""
        ...

    async def power_off_inside(self, vm_id: str) -> None: ...

    async def kill_qemu(self, domain: DomainObserved) -> None:
        """`kill -9`."""
        ...

    async def stop_libvirt(self) -> None: ...

    async def start_libvirt(self) -> None: ...

    async def type_in_console(self, vm_id: str, line: str) -> bytes:
        """What the console shows after a line was typed."""
        ...

    async def speak_to_agent(self, vm_id: str) -> bytes:
        """What came from the guest's channel after something was written to it."""
        ...

    def next_incarnation(self) -> Hypervisor:
        """The port of the daemon's next incarnation on the same host."""
        ...


async def needs(harness: Harness, *operations: Capability) -> None:
    capabilities = await harness.hypervisor.capabilities()
    for operation in operations:
        if not capabilities.supports(operation):
            pytest.skip(f"this hypervisor declares no {operation.value}")


async def next_change(
    hypervisor: Hypervisor, what: Callable[[DomainChanged], bool], seconds: float = 20.0
) -> DomainChanged:
    """The next change of which `what` holds; those before it are passed over."""
    seen: list[object] = []
    with trio.move_on_after(seconds):
        async for event in hypervisor.events:
            if isinstance(event, DomainChanged) and what(event):
                return event
            seen.append(event)
    raise AssertionError(f"no such change within {seconds} s; seen: {seen}")


async def end_of(hypervisor: Hypervisor, vm_id: str, seconds: float = 20.0) -> DomainChanged:
    change = await next_change(hypervisor, lambda c: c.domain.vm_id == vm_id and c.stopped is not None, seconds)
    assert change.domain.status is DomainStatus.ABSENT
    assert (await hypervisor.observe(vm_id)).status is DomainStatus.ABSENT
    return change


class HypervisorContract:
    """Subclasses give the fixture `harness`."""

    # --- life cycle -----------------------------------------------------------------------------------------------

    async def test_a_domain_starts_is_seen_and_ends(self, harness: Harness) -> None:
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            started = await hypervisor.start(spec, "step-1", harness.resolve)
            assert started.vm_id == spec.vm_id
            assert started.status is DomainStatus.RUNNING
            assert started.started_step_id == "step-1"
            assert [domain.vm_id for domain in await hypervisor.list()] == [spec.vm_id]
            observed = await next_change(hypervisor, lambda c: c.domain.status is DomainStatus.RUNNING)
            assert observed.domain.started_step_id == "step-1"
            await hypervisor.destroy(spec.vm_id)
            assert await hypervisor.list() == ()
            end = await end_of(hypervisor, spec.vm_id)
            assert end.stopped is StopReason.DESTROYED
            assert end.domain.started_step_id == "step-1"

    async def test_the_same_step_gives_the_same_domain(self, harness: Harness) -> None:
        async with opened(harness.hypervisor) as hypervisor:
            first = await hypervisor.start(harness.spec(), "step-1", harness.resolve)
            again = await hypervisor.start(harness.spec(), "step-1", harness.resolve)
            assert (again.qemu_pid, again.started_at) == (first.qemu_pid, first.started_at)
            assert len(await hypervisor.list()) == 1
            await hypervisor.destroy(first.vm_id)

    async def test_another_step_gets_no_second_domain(self, harness: Harness) -> None:
        async with opened(harness.hypervisor) as hypervisor:
            first = await hypervisor.start(harness.spec(), "step-1", harness.resolve)
            with pytest.raises(Conflict, match="step-1"):
                await hypervisor.start(harness.spec(), "step-2", harness.resolve)
            (still,) = await hypervisor.list()
            assert (still.qemu_pid, still.started_step_id) == (first.qemu_pid, "step-1")
            await hypervisor.destroy(first.vm_id)
            later = await hypervisor.start(harness.spec(), "step-2", harness.resolve)
            assert later.started_step_id == "step-2"
            await hypervisor.destroy(later.vm_id)

    async def test_two_steps_at_once_make_one_domain(self, harness: Harness) -> None:
        async with opened(harness.hypervisor) as hypervisor:
            outcomes: list[DomainObserved | CorralError] = []

            async def start(step_id: str) -> None:
                try:
                    outcomes.append(await hypervisor.start(harness.spec(), step_id, harness.resolve))
                except CorralError as error:
                    outcomes.append(error)

            async with trio.open_nursery() as nursery:
                for step_id in ("step-1", "step-1", "step-2", "step-2"):
                    nursery.start_soon(start, step_id)
            made = [outcome for outcome in outcomes if isinstance(outcome, DomainObserved)]
            refused = [outcome for outcome in outcomes if isinstance(outcome, CorralError)]
            assert len(made) == 2
            assert len({(domain.qemu_pid, domain.started_step_id) for domain in made}) == 1
            assert all(isinstance(error, Conflict) for error in refused)
            assert len(await hypervisor.list()) == 1
            await hypervisor.destroy(harness.spec().vm_id)

    async def test_absent_domains(self, harness: Harness) -> None:
        async with opened(harness.hypervisor) as hypervisor:
            vm_id = harness.spec().vm_id
            await hypervisor.destroy(vm_id)
            assert (await hypervisor.observe(vm_id)).status is DomainStatus.ABSENT
            for call in (hypervisor.shutdown, hypervisor.pause, hypervisor.resume):
                with pytest.raises(NotFound):
                    await call(vm_id)

    async def test_what_is_not_declared_is_refused(self, harness: Harness) -> None:
        async with opened(harness.hypervisor) as hypervisor:
            capabilities = await hypervisor.capabilities()
            vm_id = harness.spec().vm_id
            await hypervisor.start(harness.spec(), "step-1", harness.resolve)
            refused: dict[Capability, Callable[[], Awaitable[object]]] = {
                Capability.RESET: lambda: hypervisor.reset(vm_id),
                Capability.REBOOT: lambda: hypervisor.reboot(vm_id),
                Capability.SAVE: lambda: hypervisor.save(vm_id, harness.saved_path),
                Capability.TICKET: lambda: hypervisor.set_ticket(vm_id, "secret", 10),
                Capability.STATISTICS: hypervisor.statistics,
                Capability.CONSOLE: lambda: hypervisor.open_console(vm_id),
                Capability.GUEST_CHANNEL: lambda: hypervisor.guest_channel(vm_id),
                Capability.DISPLAY: lambda: hypervisor.open_display(vm_id),
            }
            for operation, call in refused.items():
                if not capabilities.supports(operation):
                    with pytest.raises(NotLegal):
                        await call()
            await hypervisor.destroy(vm_id)

    async def test_facts_name_the_host(self, harness: Harness) -> None:
        async with opened(harness.hypervisor) as hypervisor:
            facts = await hypervisor.facts()
            assert facts.hostname
            assert facts.hardware_uuid
            assert facts.memory_bytes > 0
            assert facts.virtualization in ("kvm", "tcg")

    async def test_pause_and_resume(self, harness: Harness) -> None:
        await needs(harness, Capability.PAUSE)
        async with opened(harness.hypervisor) as hypervisor:
            vm_id = harness.spec().vm_id
            await hypervisor.start(harness.spec(), "step-1", harness.resolve)
            await next_change(hypervisor, lambda c: c.domain.status is DomainStatus.RUNNING)
            await hypervisor.pause(vm_id)
            await hypervisor.pause(vm_id)
            seen = await hypervisor.observe(vm_id)
            assert (seen.status, seen.reason) == (DomainStatus.PAUSED, "user")
            await hypervisor.resume(vm_id)
            await hypervisor.resume(vm_id)
            assert (await hypervisor.observe(vm_id)).status is DomainStatus.RUNNING
            await hypervisor.destroy(vm_id)
            observed = []
            while not observed or observed[-1] is not DomainStatus.ABSENT:
                change = await next_change(hypervisor, lambda c: True)
                if change.domain.status is not DomainStatus.SHUTTING_DOWN and change.domain.status not in observed[-1:]:
                    observed.append(change.domain.status)
            assert observed[-3:] == [DomainStatus.PAUSED, DomainStatus.RUNNING, DomainStatus.ABSENT]

    async def test_a_start_may_be_paused(self, harness: Harness) -> None:
        await needs(harness, Capability.START_PAUSED)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec(paused=True)
            assert (await hypervisor.start(spec, "step-1", harness.resolve)).status is DomainStatus.PAUSED
            await next_change(hypervisor, lambda c: c.domain.status is DomainStatus.PAUSED)
            await hypervisor.resume(spec.vm_id)
            assert (await hypervisor.observe(spec.vm_id)).status is DomainStatus.RUNNING
            await hypervisor.destroy(spec.vm_id)

    # --- starts that fail -----------------------------------------------------------------------------------------

    async def test_a_start_without_its_disk_fails_clearly_and_leaves_nothing(self, harness: Harness) -> None:
        await needs(harness, Capability.STORAGE_CHECK)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            broken = _with(spec, disks=(DomainDisk(disk_id=MISSING.image_id, volume=MISSING),))
            with pytest.raises(HostFailed):
                await hypervisor.start(broken, "step-1", harness.resolve)
            await self._nothing_is_left(harness, hypervisor, spec)

    async def test_a_start_without_enough_memory_fails_clearly_and_leaves_nothing(self, harness: Harness) -> None:
        await needs(harness, Capability.MEMORY_CHECK)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            with pytest.raises(HostFailed, match="memory") as caught:
                await hypervisor.start(_with(spec, memory_bytes=4 * 1024**4), "step-1", harness.resolve)
            assert "memory" in caught.value.refusal.remedy
            await self._nothing_is_left(harness, hypervisor, spec)

    async def _nothing_is_left(self, harness: Harness, hypervisor: Hypervisor, spec: DomainSpec) -> None:
        assert await hypervisor.list() == ()
        assert (await hypervisor.observe(spec.vm_id)).status is DomainStatus.ABSENT
        # The step may be tried again, and a later one is not in its way.
        await hypervisor.start(spec, "step-2", harness.resolve)
        await hypervisor.destroy(spec.vm_id)

    # --- the guest ------------------------------------------------------------------------------------------------

    async def test_the_power_button_ends_the_guest(self, harness: Harness) -> None:
        await needs(harness, Capability.SHUTDOWN)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            await hypervisor.start(spec, "step-1", harness.resolve)
            await harness.until_up(spec.vm_id)
            await hypervisor.shutdown(spec.vm_id)
            end = await end_of(hypervisor, spec.vm_id, harness.patience_seconds)
            assert end.stopped is StopReason.SHUTDOWN
            with pytest.raises(NotFound):
                await hypervisor.shutdown(spec.vm_id)

    async def test_a_vm_without_a_serial_console_says_so(self, harness: Harness) -> None:
        await needs(harness, Capability.CONSOLE)
        async with opened(harness.hypervisor) as hypervisor:
            spec = _with(harness.spec(), console=False)
            await hypervisor.start(spec, "step-1", harness.resolve)
            with pytest.raises(NotLegal, match="no serial console"):
                await hypervisor.open_console(spec.vm_id)
            await hypervisor.destroy(spec.vm_id)

    async def test_a_guest_may_end_or_reboot_itself(self, harness: Harness) -> None:
        await needs(harness, Capability.CONSOLE)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            started = await hypervisor.start(spec, "step-1", harness.resolve)
            await harness.until_up(spec.vm_id)
            await harness.reboot_inside(spec.vm_id)
            await next_change(hypervisor, lambda c: c.rebooted, harness.patience_seconds)
            await harness.until_up(spec.vm_id)
            assert (await hypervisor.observe(spec.vm_id)).qemu_pid == started.qemu_pid
            await harness.power_off_inside(spec.vm_id)
            end = await end_of(hypervisor, spec.vm_id, harness.patience_seconds)
            assert end.stopped is StopReason.SHUTDOWN

    async def test_reset_and_reboot_keep_the_qemu(self, harness: Harness) -> None:
        await needs(harness, Capability.RESET, Capability.REBOOT)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            started = await hypervisor.start(spec, "step-1", harness.resolve)
            await harness.until_up(spec.vm_id)
            await hypervisor.reset(spec.vm_id)
            await harness.until_up(spec.vm_id)
            await hypervisor.reboot(spec.vm_id)
            await next_change(hypervisor, lambda c: c.rebooted, harness.patience_seconds)
            await harness.until_up(spec.vm_id)
            seen = await hypervisor.observe(spec.vm_id)
            assert (seen.status, seen.qemu_pid) == (DomainStatus.RUNNING, started.qemu_pid)
            await hypervisor.destroy(spec.vm_id)

    async def test_console_and_agent_answer(self, harness: Harness) -> None:
        await needs(harness, Capability.CONSOLE, Capability.GUEST_CHANNEL)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            await hypervisor.start(spec, "step-1", harness.resolve)
            await harness.until_up(spec.vm_id)
            assert b"hello" in await harness.type_in_console(spec.vm_id, "echo hello")
            assert await harness.speak_to_agent(spec.vm_id)
            console = await hypervisor.open_console(spec.vm_id)
            with pytest.raises(Busy):
                await hypervisor.open_console(spec.vm_id)
            channel = await hypervisor.guest_channel(spec.vm_id)
            await hypervisor.destroy(spec.vm_id)
            with trio.fail_after(10):
                while await console.receive_some():
                    pass
                while await channel.receive_some():
                    pass
            await console.aclose()
            await channel.aclose()
            with pytest.raises(NotFound):
                await hypervisor.open_console(spec.vm_id)
            with pytest.raises(NotFound):
                await hypervisor.guest_channel(spec.vm_id)

    async def test_a_ticket_is_set_on_a_running_domain(self, harness: Harness) -> None:
        await needs(harness, Capability.TICKET)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            await hypervisor.start(spec, "step-1", harness.resolve)
            await hypervisor.set_ticket(spec.vm_id, "secret", 60)
            await hypervisor.set_ticket(spec.vm_id, "a longer secret", 60)
            for seconds in (0, -1, 86_401, 10**15):
                with pytest.raises(BadInput):
                    await hypervisor.set_ticket(spec.vm_id, "secret", seconds)
            await hypervisor.destroy(spec.vm_id)
            with pytest.raises(NotFound):
                await hypervisor.set_ticket(spec.vm_id, "secret", 60)

    async def test_statistics_count_upwards(self, harness: Harness) -> None:
        await needs(harness, Capability.STATISTICS)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            await hypervisor.start(spec, "step-1", harness.resolve)
            await harness.until_up(spec.vm_id)
            (first,) = (await hypervisor.statistics()).domains
            await trio.sleep(1)
            (second,) = (await hypervisor.statistics()).domains
            assert first[0] == spec.vm_id
            assert first[2] == spec.sockets * spec.cores * spec.threads
            assert first[3] == spec.memory_bytes
            assert second[1] > first[1] > 0
            assert second[5] > 0
            await hypervisor.destroy(spec.vm_id)
            assert await hypervisor.statistics() == Counters()

    async def test_every_nic_and_disk_counts_for_itself(self, harness: Harness) -> None:
        await needs(harness, Capability.STATISTICS)
        async with opened(harness.hypervisor) as hypervisor:
            nics = tuple(
                DomainNic(nic_id=f"dddddddd-0000-4000-8000-{n:012d}", mac=f"52:54:00:00:00:{n:02x}", slot=n)
                for n in (1, 2)
            )
            specs = [
                _with(harness.spec(1), nics=nics, disks=(harness.disk(1), _with(harness.disk(2), slot=1))),
                harness.spec(2),
            ]
            for spec in specs:
                await hypervisor.start(spec, f"step-{spec.vm_id}", harness.resolve)
            await harness.until_up(specs[0].vm_id)
            await trio.sleep(1)
            found = await hypervisor.statistics()
            vm_id = specs[0].vm_id
            assert {row[0] for row in found.domains} == {spec.vm_id for spec in specs}
            assert sorted(row[:2] for row in found.nics) == [(vm_id, nic.nic_id) for nic in nics]
            assert sorted(row[:2] for row in found.disks) == [(vm_id, disk.disk_id) for disk in specs[0].disks]
            assert all(read > 0 and reads > 0 for _, _, read, _, reads, _ in found.disks), "it looked for partitions"
            whole = next(row for row in found.domains if row[0] == vm_id)
            for place, rows, column in (
                (6, found.nics, 2),
                (7, found.nics, 3),
                (8, found.disks, 2),
                (9, found.disks, 3),
            ):
                assert whole[place] == sum(row[column] for row in rows)
            for spec in specs:
                await hypervisor.destroy(spec.vm_id)
            assert await hypervisor.statistics() == Counters()

    # --- saving ---------------------------------------------------------------------------------------------------

    async def test_a_saved_domain_comes_back_where_it_was(self, harness: Harness) -> None:
        await needs(harness, Capability.SAVE)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            started = await hypervisor.start(spec, "step-1", harness.resolve)
            await harness.until_up(spec.vm_id)
            await hypervisor.save(spec.vm_id, harness.saved_path)
            end = await end_of(hypervisor, spec.vm_id)
            assert end.stopped is StopReason.SAVED
            await hypervisor.save(spec.vm_id, harness.saved_path)
            with pytest.raises(NotFound):
                await hypervisor.restore(harness.saved_path, harness.spec(2), "step-2", harness.resolve)
            restored = await hypervisor.restore(harness.saved_path, spec, "step-2", harness.resolve)
            assert restored.status is DomainStatus.RUNNING
            assert restored.started_step_id == "step-2"
            assert restored.qemu_pid != started.qemu_pid
            again = await hypervisor.restore(harness.saved_path, spec, "step-2", harness.resolve)
            assert again.qemu_pid == restored.qemu_pid
            with pytest.raises(Conflict):
                await hypervisor.restore(harness.saved_path, spec, "step-3", harness.resolve)
            assert b"hello" in await harness.type_in_console(spec.vm_id, "echo hello")
            await hypervisor.destroy(spec.vm_id)

    async def test_what_was_never_saved_cannot_be_restored(self, harness: Harness) -> None:
        await needs(harness, Capability.SAVE)
        async with opened(harness.hypervisor) as hypervisor:
            with pytest.raises(NotFound):
                await hypervisor.restore(harness.saved_path + "-none", harness.spec(), "step-1", harness.resolve)
            assert await hypervisor.list() == ()

    # --- faults ---------------------------------------------------------------------------------------------------

    async def test_a_killed_qemu_is_told_as_a_crash(self, harness: Harness) -> None:
        await needs(harness, Capability.RECONNECT)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            started = await hypervisor.start(spec, "step-1", harness.resolve)
            await next_change(hypervisor, lambda c: c.domain.status is DomainStatus.RUNNING)
            await harness.kill_qemu(started)
            end = await end_of(hypervisor, spec.vm_id)
            assert end.stopped is StopReason.CRASHED
            assert end.domain.started_step_id == "step-1"
            await hypervisor.start(spec, "step-2", harness.resolve)
            await hypervisor.destroy(spec.vm_id)

    async def test_domains_outlive_libvirt(self, harness: Harness) -> None:
        await needs(harness, Capability.RECONNECT)
        async with opened(harness.hypervisor) as hypervisor:
            spec = harness.spec()
            started = await hypervisor.start(spec, "step-1", harness.resolve)
            await harness.stop_libvirt()
            with pytest.raises(Unavailable):
                await hypervisor.list()
            await harness.start_libvirt()
            with trio.fail_after(30):
                async for event in hypervisor.events:
                    if isinstance(event, EventsMissing):
                        break
            (seen,) = await hypervisor.list()
            assert (seen.qemu_pid, seen.started_step_id) == (started.qemu_pid, "step-1")
            again = await hypervisor.start(spec, "step-1", harness.resolve)
            assert again.qemu_pid == started.qemu_pid
            await hypervisor.destroy(spec.vm_id)
            assert (await end_of(hypervisor, spec.vm_id)).stopped is StopReason.DESTROYED

    async def test_domains_outlive_the_daemon(self, harness: Harness) -> None:
        await needs(harness, Capability.RECONNECT)
        spec = harness.spec()
        async with opened(harness.hypervisor) as hypervisor:
            started = await hypervisor.start(spec, "step-1", harness.resolve)
        async with opened(harness.next_incarnation()) as hypervisor:
            (seen,) = await hypervisor.list()
            assert (seen.qemu_pid, seen.started_step_id) == (started.qemu_pid, "step-1")
            with pytest.raises(Conflict):
                await hypervisor.start(spec, "step-2", harness.resolve)
            await hypervisor.destroy(spec.vm_id)
            assert (await end_of(hypervisor, spec.vm_id)).domain.started_step_id == "step-1"


def _with(spec: DomainSpec, **changes: Any) -> DomainSpec:
    return attrs.evolve(spec, **changes)
