"""Stops what a killed lab left behind in this directory, its database last; it starts nothing."""

import os
import signal

import trio

from cli.daemons.lab.contract import CONTROL_SOCKET
from cli.daemons.lab.layout import LabFolder
from cli.daemons.lab.network import switch_off_network
from cli.daemons.lab.process_notes import ProcessNote, end, forget_note, living
from cli.daemons.lab.real_host import end_guests, switch_off
from cli.daemons.lab.summary import forget_summary

POSTGRES = "postgres"
PROCESS_STOP_SECONDS = 3.0
POSTGRES_STOP_SECONDS = 6.0


async def end_leftovers(folder: LabFolder) -> int:
    """Guests first, then daemons, then the machines under them, the database last; returns how many processes it met."""
    forget_summary(folder)
    met = living(folder)
    hosts = folder.known_real_hosts()
    async with trio.open_nursery() as nursery:
        for host in hosts:
            nursery.start_soon(end_guests, host)
    async with trio.open_nursery() as nursery:
        for note in met:
            if note.name != POSTGRES:
                nursery.start_soon(_end, folder, note)
    if os.geteuid() == 0:
        for host in hosts:
            await switch_off(host)
        await switch_off_network(folder)
    await end_postgres(folder)
    forget_control_sockets(folder)
    return len(met)


async def end_postgres(folder: LabFolder) -> None:
    """The embedded database outlives a killed engine."""
    postgres = next((note for note in living(folder) if note.name == POSTGRES), None)
    if postgres is not None:
        await end(postgres, signal.SIGINT, POSTGRES_STOP_SECONDS)
    forget_note(folder, POSTGRES)


def forget_control_sockets(folder: LabFolder) -> None:
    """Daemons remove their own, unless they had to be killed; must not be called while they run."""
    for state_dir in (folder.engine, folder.simulated, *(host.node for host in folder.known_real_hosts())):
        (state_dir / CONTROL_SOCKET).unlink(missing_ok=True)


async def _end(folder: LabFolder, note: ProcessNote) -> None:
    await end(note, signal.SIGTERM, PROCESS_STOP_SECONDS)
    forget_note(folder, note.name)
