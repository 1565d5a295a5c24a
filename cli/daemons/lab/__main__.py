"""``python -m cli.daemons.lab`` is ``corral lab``; nothing else."""

from cli.daemons.lab.command import command

if __name__ == "__main__":
    command(prog_name="corral lab")
