"""Whether the cluster has come to rest, and what is then checked of all its parts.

It looks into actors because a lock is nothing but a live operation in a state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import trio

from actors.entity.durable import DurableActor
from protocol import limits
from tests.checkers import l1_locks, l2_converged, s05_acknowledged, s15_transitions, s16_bounds
from tests.sim.cluster import Cluster
from tests.sim.engine import SimEngine
from tests.sim.start import lease_seconds

SETTLED_HOST = ("up", "maintenance")


def leader(cluster: Cluster) -> SimEngine | None:
    """The engine that leads by the database, if it serves."""
    for engine in cluster.engines:
        if engine.listens and engine.engine is not None and engine.engine.epoch == cluster.tables.epoch:
            return engine
    return None


def actors_of(tree: Any) -> Iterator[DurableActor]:
    """The entities' actors that live now."""
    if tree is None or tree._root is None:
        return
    for slot in tree._root.slots():
        incarnation = slot._current
        if incarnation is not None and incarnation.is_started and isinstance(incarnation.actor, DurableActor):
            yield incarnation.actor


def unrest(cluster: Cluster) -> list[str]:
    """Why the cluster is not at rest: everything that L1 and L2 would find. Empty when it is."""
    found = [*locks(cluster), *converged(cluster)]
    if leader(cluster) is None:
        found.append("no engine leads")
    for reader in cluster.readers:
        if reader.model.sequence != cluster.tables.sequence:
            found.append(f"reader {reader.name} is at {reader.model.sequence} of {cluster.tables.sequence}")
    return found


def locks(cluster: Cluster) -> Iterator[str]:
    states = cluster.tables.folder.states
    operations = [
        (f"{kind} {id}", state.operation.kind)
        for (kind, id), state in states.items()
        if getattr(state, "operation", None) is not None
    ]
    operations += [
        (f"{kind} {id}", f"beside it: {step.purpose}")
        for (kind, id), state in states.items()
        for step in getattr(state, "side_steps", ())
    ]
    jobs = [id for (kind, id), state in states.items() if kind == "job" and state.outcome is None]
    outcomes = [
        (node.host.name, step_id)
        for node in cluster.nodes
        # What a crash interrupted and nobody asks for any more (a ticket, a step superseded by a stop) stays begun.
        for step_id in (*node.step_store._outcomes, *node.step_store._stopped)
    ]
    yield from l1_locks.check(operations, jobs, outcomes)


def converged(cluster: Cluster) -> Iterator[str]:
    states = cluster.tables.folder.states
    running = cluster.world.running()
    ids = {node.host.name: node.host_id for node in cluster.nodes}
    for (kind, id), state in states.items():
        if kind == "vm":
            facts = l2_converged.VmFacts(
                vm_id=id, desired=state.desired, status=state.status, host_id=state.host_id,
                saved=_saved_path(cluster, state),
            )  # fmt: skip
            qemus = [
                l2_converged.QemuFacts(host_id=ids[qemu.host], paused=qemu.status.value == "paused")
                for qemu in running.get(id, ())
            ]
            yield from l2_converged.check_vm(facts, qemus, cluster.world.saved)
    vms = [id for kind, id in states if kind == "vm"]
    if not cluster.truth.operator_lied:  # then a VM may have been removed while it ran: its host says so, once
        yield from l2_converged.check_strangers(vms, running)
    residents = Counter(state.host_id for (kind, _), state in states.items() if kind == "vm" and state.host_id)
    statuses = {id: state.status for (kind, id), state in states.items() if kind == "host"}
    yield from l2_converged.check_hosts(statuses, residents)
    yield from _volumes(cluster)


def _saved_path(cluster: Cluster, state: Any) -> str:
    storage_domain = cluster.tables.folder.states.get(("storage_domain", state.saved_on))
    return f"{storage_domain.storage_domain.storage.path}/saved/{state.id}" if storage_domain is not None else ""


def _volumes(cluster: Cluster) -> Iterator[str]:
    wanted: list[str] = []
    doubtful: list[str] = []
    for (kind, id), state in cluster.tables.folder.states.items():
        if kind != "disk":
            continue
        storage_domain = cluster.tables.folder.states.get(("storage_domain", state.disk.storage_domain.id))
        if storage_domain is None:
            continue
        path = f"{storage_domain.storage_domain.storage.path}/images/{id}/{state.disk.image_id}"
        (wanted if state.status == "ok" else doubtful).append(path)
    yield from l2_converged.check_volumes(wanted, cluster.world.volume_paths(), doubtful)


def check_at_rest(cluster: Cluster) -> None:
    """Everything that must hold when nothing happens any more."""
    truth, tables = cluster.truth, cluster.tables
    truth.found("L1", locks(cluster))
    truth.found("L2", converged(cluster))
    truth.found("S5", s05_acknowledged.check_endings(tables.jobs, tables.endings))
    if cluster.hosts_are_well:
        truth.found("S5", s05_acknowledged.check_failures(tables.failures))
    for reader in cluster.readers:
        reader.check(tables)
    if (lead := leader(cluster)) is None:
        truth.found("L3", [f"no engine leads, {10 * lease_seconds:g} s and more after the last fault"])
    else:
        check_owners(cluster, lead)


def check_owners(cluster: Cluster, lead: SimEngine) -> None:
    """S15: whoever is in a transient status has somebody who ends it."""
    for actor in actors_of(lead.tree):
        if actor.commits.in_flight or actor.state is None:
            continue
        operation = getattr(actor.state, "operation", None)
        status = getattr(actor.state, "status", "")
        cluster.truth.found(
            "S15", s15_transitions.check_owner(actor.kind, actor.id, status, operation, frozenset(actor.timers.names))
        )


def check_bounds(cluster: Cluster) -> None:
    """S16: looked at once a second."""
    lengths: list[tuple[str, int, int]] = []
    processes: tuple[Any, ...] = (*cluster.engines, *cluster.nodes)
    for process in processes:
        root = process.tree._root if process.tree is not None else None
        for slot in root.slots() if root is not None else ():
            # Answers are let in beyond the limit; an actor asks few questions.
            most = 3 * slot.mailbox.messages_max + 100
            lengths.append((f"mailbox {process_name(process)} {slot.address}", len(slot.mailbox), most))
    for engine in cluster.engines:
        if engine.engine is not None:
            for link in engine.engine.hub._links.values():
                frames = sum(len(queue) for queue in link.queue._queues)
                lengths.append((f"link queue of {link.host_id}", frames, 3 * limits.link_queue_frames_max))
            lengths.append(("the writer's queue", len(engine.engine.writer._queue), 1_000))
    for node in cluster.nodes:
        kept = len(node.step_store._outcomes) + len(node.step_store._begun) + len(node.step_store._stopped)
        lengths.append((f"step log of {node.host.name}", kept, 300))
    # At most 226 were seen in 40 seeds of six VMs.
    lengths.append(("tasks", trio.lowlevel.current_statistics().tasks_living, 400))
    cluster.truth.found("S16", s16_bounds.check(lengths))


def process_name(process: Any) -> str:
    return process.process.name if process.process is not None else "?"
