"""A lab whose daemons are played by this file; it tests how a lab keeps processes, not what they do.

``python -m tests.cli.daemons.lab_with_fakes lab DIR PORT`` runs a lab without real hosts, ``broken-lab`` one whose
engine does not start, ``half-broken-lab`` one whose simulated hosts do not start while DIR/broken exists.
``... engine|simulated-nodes --config FILE`` is what it starts.
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

from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import open_folder
from cli.daemons.lab.running import Lab, LabOptions, run_until_signalled


def fake_command(daemon: str, configuration: Path) -> list[str]:
    return [sys.executable, "-m", "tests.cli.daemons.lab_with_fakes", daemon, "--config", str(configuration)]


def broken_command(daemon: str, configuration: Path) -> list[str]:
    return [sys.executable, "-c", "import sys; print('no disk left'); sys.exit(7)"]


def half_broken_command(daemon: str, configuration: Path) -> list[str]:
    is_broken = daemon != "engine" and (configuration.parents[1] / "broken").exists()
    return (broken_command if is_broken else fake_command)(daemon, configuration)


COMMANDS = {"lab": fake_command, "broken-lab": broken_command, "half-broken-lab": half_broken_command}


def run_lab(command: Callable[[str, Path], list[str]], directory: str, port: str) -> None:
    options = LabOptions(open_folder(Path(directory)), int(port), hosts=2, real_hosts=0)
    lab = Lab(options, command, tiny_image=lambda: Path("/nowhere/tiny.qcow2"))
    try:
        trio.run(run_until_signalled, lab, lambda summary: None)
    except LabError as failure:
        sys.exit(str(failure))


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
    elif (state_dir / "removed").exists():
        output["refused"] = {"sim-0002": "it was removed"}
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
    if word in COMMANDS:
        run_lab(COMMANDS[word], *arguments)
    else:
        trio.run(run_daemon, word, tomllib.loads(Path(arguments[1]).read_text()))
