"""`python -m guest [--channel PATH]`: runs the agent until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys

import trio

from actors.kernel.directory import Directory
from actors.kernel.ports import Ports
from guest.agent import PowerCommands
from guest.facts import Machine
from guest.file_systems import FileSystems
from guest.tree import crash_printer, guest_tree
from protocol.guest import channel_name
from supervisors.tree import running


def main(argv: list[str]) -> int:
    """Exit code 0 after SIGTERM."""
    parser = argparse.ArgumentParser(prog="corral guest", description="Run the guest agent of this machine.")
    parser.add_argument("path", nargs="?", help="the same as --channel")
    parser.add_argument("--channel", default=f"/dev/virtio-ports/{channel_name}", help="virtio-serial port")
    parser.add_argument("--poweroff", default="", help="command that powers the machine off; poweroff by default")
    parser.add_argument("--reboot", default="", help="command that reboots the machine; reboot by default")
    arguments = parser.parse_args(argv)
    sys.dont_write_bytecode = True  # a module that is imported late would hang on a file system that we froze
    power = PowerCommands()
    if arguments.poweroff or arguments.reboot:
        power = PowerCommands(
            off=(arguments.poweroff.split(),) if arguments.poweroff else power.off,
            reboot=(arguments.reboot.split(),) if arguments.reboot else power.reboot,
        )
    trio.run(_run, arguments.path or arguments.channel, power)
    return 0


async def _run(channel_path: str, power: PowerCommands) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        file_systems = FileSystems()
        tree = guest_tree(channel_path, Machine(), power, file_systems)
        async with running(tree, Ports.system(), Directory(), observer=crash_printer(file_systems)) as alive:
            async with trio.open_nursery() as nursery:

                async def until_ended() -> None:
                    await alive.ended.wait()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(until_ended)
                async for _ in signals:
                    nursery.cancel_scope.cancel()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
