"""``corral lab`` and its subcommands on the command line; the lab itself is in the files beside it."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import attrs
import click
import trio

from cli.daemons.lab import contract
from cli.daemons.lab.corral_daemons import ENGINE
from cli.daemons.lab.daemon import daemon_environment
from cli.daemons.lab.errors import LabError
from cli.daemons.lab.last_words import progress
from cli.daemons.lab.layout import LabFolder, RealHostFolders, open_folder
from cli.daemons.lab.leftovers import end_leftovers
from cli.daemons.lab.namespaces import kill_everything_inside
from cli.daemons.lab.process_notes import end, living, note_of, read_note
from cli.daemons.lab.real_host import HOLDER
from cli.daemons.lab.running import Lab, LabOptions, run_until_signalled
from cli.daemons.lab.subnet import REAL_HOSTS_MAX
from cli.daemons.lab.summary import Summary, lab_pid, read_summary

DEFAULT_PORT = 8443
DEFAULT_HOSTS = 3
START_SECONDS = 240.0
STOP_SECONDS = 40.0
NEEDED_FOR_REAL = ("/usr/sbin/libvirtd", "/usr/bin/qemu-system-x86_64", "/usr/sbin/dnsmasq")

folder_option = click.option(
    "--dir", "directory", type=click.Path(path_type=Path, file_okay=False), default=Path("lab"), show_default=True,
    help="Directory of the lab; its data stays there.",
)  # fmt: skip


@click.group("lab", invoke_without_command=True)
@folder_option
@click.option("--port", type=click.IntRange(1024, 65533), default=DEFAULT_PORT, show_default=True,
              help="Port of the API; the live stream and the nodes use the next two ports.")  # fmt: skip
@click.option("--hosts", type=click.IntRange(0), default=DEFAULT_HOSTS, show_default=True,
              help="Number of simulated hosts.")  # fmt: skip
@click.option(
    "--real/--no-real", default=None, help="Run real hosts, each with its own libvirt; the default if possible."
)
@click.option("--real-hosts", type=click.IntRange(1, REAL_HOSTS_MAX), default=1, show_default=True,
              help="Number of real hosts (real, real-2, ...), with one network and one shared directory.")  # fmt: skip
@click.option("--detach", is_flag=True, help="Leave the lab running in the background once it serves.")
@click.pass_context
def command(
    context: click.Context, directory: Path, port: int, hosts: int, real: bool | None, real_hosts: int, detach: bool
) -> None:
    """Run a complete Corral on this machine: engine, gateway, PostgreSQL, real hosts with QEMU, simulated hosts.

    If a part cannot start, the lab says why and runs without it. DIR/lab.json holds all addresses for scripts. The data
    in DIR stays, and the next lab in DIR continues with it.
    """
    context.obj = directory
    if context.invoked_subcommand is not None:
        return
    if real is False and context.get_parameter_source("real_hosts") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--no-real and --real-hosts {real_hosts} contradict each other; leave one out")
    try:
        folder = open_folder(directory, real_hosts)
        options = LabOptions(folder, port, hosts, real_hosts if _with_real_hosts(real) else 0)
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
    """Show the lab's addresses and processes."""
    folder = _folder(context, directory)
    pid = lab_pid(folder)
    if pid is None:
        click.echo(f"no lab is running in {folder.path}")
    else:
        summary = read_summary(folder)
        for name, value in attrs.asdict(summary, recurse=False).items():
            if name not in ("real_hosts", "not_serving"):
                click.echo(f"{name:16} {value}")
        for host in summary.real_hosts:
            click.echo(f"{host.name:16} node pid {host.node_pid}, {host.libvirt_uri}")
        for part in summary.not_serving:
            click.echo(f"{part.name:16} not serving: {part.reason}")
    for note in living(folder):
        click.echo(f"{note.name:16} pid {note.pid}")
    if pid is None:
        context.exit(3)


@command.command("stop")
@folder_option
@click.pass_context
def stop(context: click.Context, directory: Path) -> None:
    """Stop the lab; its data stays.

    What a killed lab left behind is stopped too.
    """
    folder = _folder(context, directory)
    pid = lab_pid(folder)
    note = note_of("lab", pid) if pid is not None else None
    began = time.monotonic()
    if note is not None:
        graceful = trio.run(end, note, signal.SIGTERM, STOP_SECONDS)
        click.echo(
            f"the lab stopped after {time.monotonic() - began:.1f} s" if graceful else "killed the lab: it did not stop"
        )
    met = trio.run(end_leftovers, folder)
    if note is None:
        click.echo(
            f"stopped {met} processes that a killed lab left behind" if met else f"no lab is running in {folder.path}"
        )


@command.command("kill-engine")
@folder_option
@click.pass_context
def kill_engine(context: click.Context, directory: Path) -> None:
    """Kill the engine; the lab restarts it."""
    note = read_note(_folder(context, directory), ENGINE)
    if note is None or not note.alive():
        raise click.ClickException("no engine is running here")
    note.send(signal.SIGKILL)
    click.echo(f"killed the engine, pid {note.pid}")


@command.command("kill-host")
@click.argument("name")
@folder_option
@click.pass_context
def kill_host(context: click.Context, name: str, directory: Path) -> None:
    """Cut the power of a host.

    Its guests, its libvirt and its node die at once. A real host comes up again by itself, a simulated one with the
    next lab. NAME is the name that the lab gave the host (real, real-2, sim-0001), even if it has been renamed since.
    """
    folder = _folder(context, directory)
    try:
        host = folder.real_host_named(name)
        if host is not None:
            count = trio.run(_cut_power, host)
            click.echo(f"killed {count} processes of the host {name}")
        else:
            trio.run(contract.cut_simulated_host, folder.simulated, name)
            click.echo(f"cut the power of the simulated host {name}")
    except LabError as failure:
        raise click.ClickException(str(failure)) from None


async def _cut_power(host: RealHostFolders) -> int:
    """Spares the process that holds the machine's namespaces: the lab starts the rest again inside."""
    holder = read_note(host.lab, host.process(HOLDER))
    if holder is None or not holder.alive():
        running = ", ".join(one.name for one in read_summary(host.lab).real_hosts) or "none"
        raise LabError(f"this lab has no real host {host.name}; real hosts: {running}")
    return await kill_everything_inside(host.machine, spare=frozenset({holder.pid}), once=True)


def _run(options: LabOptions) -> None:
    trio.run(run_until_signalled, Lab(options), partial(_introduce, options.folder))


def _start_detached(options: LabOptions) -> None:
    """Runs the same command again in a session of its own: Trio cannot be forked."""
    folder = options.folder
    if lab_pid(folder) is not None:
        raise LabError(f"a lab is already running in {folder.path}")
    folder.summary.unlink(missing_ok=True)
    log = folder.log("lab")
    words = ["--dir", str(folder.path), "--port", str(options.port), "--hosts", str(options.hosts)]
    real = ["--real", "--real-hosts", str(options.real_hosts)] if options.real_hosts else ["--no-real"]
    with log.open("ab") as output:
        started_at = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.daemons.lab", *words, *real],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=daemon_environment(),
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    shown_until = started_at
    while lab_pid(folder) != process.pid:
        shown_until = _show_progress(log, shown_until)
        try:
            code = process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                process.terminate()
                raise LabError(f"the lab did not come up within {START_SECONDS:.0f} s; see {log}") from None
        else:
            last_words = log.read_bytes()[started_at:].decode(errors="replace").strip().splitlines()[-3:]
            raise LabError(f"the lab exited with code {code}: {' | '.join(last_words)}")
    _show_progress(log, shown_until)
    _introduce(folder, read_summary(folder))


def _show_progress(log: Path, begin: int) -> int:
    """Shows what the lab has reported since; returns up to where."""
    lines, end = progress(log, begin)
    for line in lines:
        click.echo(line, err=True)
    return end


def _introduce(folder: LabFolder, summary: Summary) -> None:
    lines = [f"without   {part.name}: {part.reason}" for part in summary.not_serving]
    lines += [
        f"url       {summary.url}",
        f"user      {summary.user}",
        f"password  {summary.password}",
        "",
        "Try:",
        f"  ./dev run login --lab {folder.path}",
        "  ./dev run host list",
        "  ./dev run vm add --name first --cluster-name Default --template-name tiny",
    ]
    lines += [f"  virsh -c '{host.libvirt_uri}' list" for host in summary.real_hosts]
    click.echo("\n".join(lines))


def _folder(context: click.Context, directory: Path) -> LabFolder:
    """``--dir`` may stand before the word as well as behind it."""
    given = context.get_parameter_source("directory")
    chosen = directory if given is not click.core.ParameterSource.DEFAULT else Path(context.obj)
    if not chosen.exists():
        raise click.ClickException(f"{chosen} does not exist; give the directory of a lab with --dir")
    return open_folder(chosen)


def _with_real_hosts(asked: bool | None) -> bool:
    missing = [path for path in NEEDED_FOR_REAL if not Path(path).exists()]
    reason = "not running as root" if os.geteuid() != 0 else f"{', '.join(missing)} is missing" if missing else None
    if reason is not None and asked:
        raise LabError(f"cannot run real hosts: {reason}; ./dev setup as root installs what is missing")
    if reason is not None and asked is None:
        click.echo(f"lab: no real hosts: {reason}", err=True)
    return reason is None and asked is not False
