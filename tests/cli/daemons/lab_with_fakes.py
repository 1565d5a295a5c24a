"""A lab whose daemons are played by this file; it tests how a lab keeps processes, not what they do.

``python -m tests.cli.daemons.lab_with_fakes lab DIR PORT real|no-real`` runs the lab,
``... engine|node|simulated-nodes --config FILE`` is what it starts.
"""

import json
import os
import struct
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgpack
import trio

from cli.daemons.lab.layout import open_folder
from cli.daemons.lab.running import Lab, LabOptions, run_until_signalled


def fake_command(daemon: str, configuration: Path) -> list[str]:
    return [sys.executable, "-m", "tests.cli.daemons.lab_with_fakes", daemon, "--config", str(configuration)]


def broken_command(daemon: str, configuration: Path) -> list[str]:
    return [sys.executable, "-c", "import sys; print('no disk left'); sys.exit(7)"]


def run_lab(command: Callable[[str, Path], list[str]], directory: str, port: str, real: str) -> None:
    options = LabOptions(open_folder(Path(directory)), int(port), 2, real == "real")
    lab = Lab(options, command, tiny_image=lambda: Path("/nowhere/tiny.qcow2"))
    trio.run(run_until_signalled, lab, lambda summary: None)


async def run_daemon(daemon: str, settings: dict[str, object]) -> None:
    state_dir = Path(str(settings["state_dir"]))
    output: dict[str, object] = {"pid": os.getpid()}
    if daemon == "engine":
        # It outlives the engine, as the embedded PostgreSQL does.
        postgres = await trio.lowlevel.open_process(["sleep", "300"], start_new_session=True)
        (state_dir / "password").write_text("secret\n")
        address = f"127.0.0.1:{settings['port']}"
        output |= {"url": f"https://{address}", "ws_url": f"wss://{address}/ws", "live_url": "wss://127.0.0.1"}
        output |= {"ca_file": "ca.pem", "user": "admin@internal", "password_file": str(state_dir / "password")}
        output |= {"postgres_pid": postgres.pid}
    async with trio.open_nursery() as nursery:
        if daemon == "engine":
            nursery.start_soon(serve_control, state_dir)
        (state_dir / "ready.json").write_text(json.dumps(output))
        await trio.sleep_forever()


async def serve_control(state_dir: Path) -> None:
    path = state_dir / "control.sock"
    path.unlink(missing_ok=True)
    listener = trio.socket.socket(trio.socket.AF_UNIX)
    await listener.bind(str(path))
    listener.listen()
    while True:
        connection, _ = await listener.accept()
        async with trio.SocketStream(connection) as stream:
            (size,) = struct.unpack(">I", await stream.receive_some(4))
            question = msgpack.unpackb(await stream.receive_some(size))
            with (state_dir / "asked").open("a") as asked:
                asked.write(question["do"] + "\n")
            answer = msgpack.packb({"token": "once"})
            await stream.send_all(struct.pack(">I", len(answer)) + answer)


if __name__ == "__main__":
    word, *arguments = sys.argv[1:]
    if word.endswith("lab"):
        run_lab(broken_command if word == "broken-lab" else fake_command, *arguments)
    else:
        trio.run(run_daemon, word, tomllib.loads(Path(arguments[1]).read_text()))
