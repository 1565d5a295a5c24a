"""``corral lab`` and its words on the command line; what a lab is and does lives beside it."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import click
import trio

from cli.daemons.lab import contract
from cli.daemons.lab.daemon import daemon_environment
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.layout import REAL_HOST_NAME, LabFolder, open_folder
from cli.daemons.lab.namespaces import kill_everything_inside
from cli.daemons.lab.process_notes import end, living, note_of, read_note
from cli.daemons.lab.real_host import HOLDER
from cli.daemons.lab.running import ENGINE, Lab, LabOptions, end_leftovers, run_until_signalled
from cli.daemons.lab.summary import Summary, lab_pid, read_summary

DEFAULT_PORT = 8443
DEFAULT_HOSTS = 3
START_SECONDS = 240.0
STOP_SECONDS = 40.0
NEEDED_FOR_REAL = ("/usr/sbin/libvirtd", "/usr/bin/qemu-system-x86_64", "/usr/sbin/dnsmasq")

folder_option = click.option(
    "--dir", "directory", type=click.Path(path_type=Path, file_okay=False), default=Path("lab"), show_default=True,
    help="Folder of the lab: its data stays there for the next lab.",
)  # fmt: skip


@click.group("lab", invoke_without_command=True)
@folder_option
@click.option("--port", type=click.IntRange(1024, 65533), default=DEFAULT_PORT, show_default=True,
              help="Port of the API; the live stream and the nodes take the two after it.")  # fmt: skip
@click.option("--hosts", type=click.IntRange(0), default=DEFAULT_HOSTS, show_default=True, help="Simulated hosts.")
@click.option(
    "--real/--no-real", default=None, help="With a real host on a libvirt of the lab's own; default: if possible."
)
@click.option("--detach", is_flag=True, help="Return once the lab serves and leave it running.")
@click.pass_context
def command(context: click.Context, directory: Path, port: int, hosts: int, real: bool | None, detach: bool) -> None:
    """A whole Corral on this machine: engine, gateway, PostgreSQL, one real host and simulated ones."""
    context.obj = directory
    if context.invoked_subcommand is not None:
        return
    try:
        folder = open_folder(directory)
        options = LabOptions(folder, port, hosts, _with_real_host(real))
        if detach:
            _start_detached(options)
        else:
            _run(options)
    except LabError as failure:
        raise click.ClickException(str(failure)) from None


@command.command("status")
@folder_option
@click.pass_context
def status(context: click.Context, directory: Path) -> None:
    """Shows where the lab serves and which of its processes run."""
    folder = _folder(context, directory)
    pid = lab_pid(folder)
    if pid is None:
        click.echo(f"no lab runs in {folder.path}")
    else:
        for name, value in read_summary(folder).items():
            click.echo(f"{name:12} {value}")
    for note in living(folder):
        click.echo(f"{note.name:16} pid {note.pid}")
    if pid is None:
        context.exit(3)


@command.command("stop")
@folder_option
@click.pass_context
def stop(context: click.Context, directory: Path) -> None:
    """Stops the lab and everything that it started, or what a killed lab left; its data stays."""
    folder = _folder(context, directory)
    pid = lab_pid(folder)
    note = note_of("lab", pid) if pid is not None else None
    began = time.monotonic()
    if note is not None:
        graceful = trio.run(end, note, signal.SIGTERM, STOP_SECONDS)
        click.echo(
            f"the lab stopped after {time.monotonic() - began:.1f} s" if graceful else "the lab had to be killed"
        )
    met = trio.run(end_leftovers, folder)
    if note is None:
        click.echo(f"ended {met} processes that a killed lab had left" if met else f"no lab runs in {folder.path}")


@command.command("kill-engine")
@folder_option
@click.pass_context
def kill_engine(context: click.Context, directory: Path) -> None:
    """Kills the engine as a crash would; the lab starts it again."""
    note = read_note(_folder(context, directory), ENGINE)
    if note is None or not note.alive():
        raise click.ClickException("no engine runs here")
    note.send(signal.SIGKILL)
    click.echo(f"killed the engine, pid {note.pid}")


@command.command("kill-host")
@click.argument("name")
@folder_option
@click.pass_context
def kill_host(context: click.Context, name: str, directory: Path) -> None:
    """Cuts the power of a host: its guests, its libvirt and its node end at once, and it comes up again."""
    folder = _folder(context, directory)
    try:
        if name == REAL_HOST_NAME:
            holder = read_note(folder, HOLDER)
            if holder is None or not holder.alive():
                raise LabError("this lab has no real host")
            count = trio.run(partial(kill_everything_inside, folder, spare=frozenset({holder.pid}), once=True))
            click.echo(f"killed {count} processes of the host {name}")
        else:
            trio.run(contract.cut_simulated_host, folder.simulated, name)
            click.echo(f"cut the power of the simulated host {name}")
    except LabError as failure:
        raise click.ClickException(str(failure)) from None


def _run(options: LabOptions) -> None:
    trio.run(run_until_signalled, Lab(options), partial(_introduce, options.folder))


def _start_detached(options: LabOptions) -> None:
    """Runs the same command again in a session of its own: Trio cannot be forked."""
    folder = options.folder
    if lab_pid(folder) is not None:
        raise LabError(f"a lab runs in {folder.path} already")
    folder.summary.unlink(missing_ok=True)
    log = folder.log("lab")
    words = ["--dir", str(folder.path), "--port", str(options.port), "--hosts", str(options.hosts)]
    real = "--real" if options.real else "--no-real"
    with log.open("ab") as output:
        started_at = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.daemons.lab", *words, real],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=daemon_environment(),
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while lab_pid(folder) != process.pid:
        try:
            code = process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                process.terminate()
                raise LabError(f"the lab does not serve after {START_SECONDS:.0f} s; see {log}") from None
        else:
            last_words = log.read_bytes()[started_at:].decode(errors="replace").strip().splitlines()[-3:]
            raise LabError(f"the lab ended with {code}: {' | '.join(last_words)}")
    fields = read_summary(folder)
    _introduce(folder, Summary(**fields))


def _introduce(folder: LabFolder, summary: Summary) -> None:
    lines = [
        f"url       {summary.url}",
        f"user      {summary.user}",
        f"password  {summary.password}",
        "",
        "Try:",
        f"  ./dev run login --lab {folder.path}",
        "  ./dev run host list",
        "  ./dev run vm add --name first --cluster-name Default --template-name tiny",
    ]
    if summary.libvirt_uri is not None:
        lines.append(f"  virsh -c '{summary.libvirt_uri}' list")
    click.echo("\n".join(lines))


def _folder(context: click.Context, directory: Path) -> LabFolder:
    """``--dir`` may stand before the word as well as behind it."""
    given = context.get_parameter_source("directory")
    chosen = directory if given is not click.core.ParameterSource.DEFAULT else Path(context.obj)
    if not chosen.exists():
        raise click.ClickException(f"{chosen} does not exist; --dir names the folder of a lab")
    return open_folder(chosen)


def _with_real_host(asked: bool | None) -> bool:
    missing = [path for path in NEEDED_FOR_REAL if not Path(path).exists()]
    reason = "this is not root" if os.geteuid() != 0 else f"{', '.join(missing)} is missing" if missing else None
    if reason is not None and asked:
        raise LabError(f"a real host is not possible: {reason}; ./dev setup as root installs what is missing")
    if reason is not None and asked is None:
        click.echo(f"lab: without a real host: {reason}", err=True)
    return reason is None and asked is not False
