"""How bad the world of one seed is: every rate is drawn from the seed and printed."""

from __future__ import annotations

import attrs

from actors.kernel.ports import SeededRandom


@attrs.define(kw_only=True)
class Rates:
    """Chances per event, or faults per simulated minute; all zero is a calm world."""

    # wires, per frame
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay_seconds: float = 0.0
    # per minute
    cut_one_way: float = 0.0
    cut_both: float = 0.0
    half_open: float = 0.0
    kill_node: float = 0.0
    pause_node: float = 0.0
    power_off: float = 0.0
    kill_libvirt: float = 0.0
    kill_engine: float = 0.0
    pause_engine: float = 0.0
    cut_journal: float = 0.0
    journal_away: float = 0.0
    fold_journal: float = 0.0
    kill_qemu: float = 0.0
    storage_sick: float = 0.0
    storage_full: float = 0.0
    lasting_failure: float = 0.0
    operator_lies: float = 0.0
    # per call, write or message
    die_at_note: float = 0.0
    die_at_call: float = 0.0
    call_fails: float = 0.0
    fails_after: float = 0.0
    reply_lost: float = 0.0
    node_lies: float = 0.0
    call_seconds: float = 0.0
    no_room: float = 0.0
    append_away: float = 0.0
    append_unknown: float = 0.0
    journal_seconds: float = 0.0
    client_loses_reply: float = 0.0
    guest_garbage: float = 0.0
    guests_stubborn: float = 0.0
    # machines
    skew_seconds: float = 0.0
    clock_rate: float = 0.0
    silent_seconds: float = 8.0

    def __str__(self) -> str:
        shown = (f"{name}={value:.3g}" for name, value in attrs.asdict(self).items() if value)
        return " ".join(shown)

    @property
    def hosts_are_well(self) -> bool:
        """Whether nothing goes wrong on the hosts themselves: then every operation that was accepted ends done,
        whatever becomes of engines, wires and the database."""
        return not any(getattr(self, name) for name in ON_HOSTS)

    def calm(self) -> None:
        """The faults stop. What is of the machines stays: skewed clocks, stubborn guests."""
        for field in attrs.fields(Rates):
            if field.name not in ("skew_seconds", "clock_rate", "silent_seconds", "guests_stubborn"):
                setattr(self, field.name, 0.0)


MOST: dict[str, float] = {
    "drop": 0.03, "duplicate": 0.05, "reorder": 0.05, "delay_seconds": 0.5, "cut_one_way": 2.0, "cut_both": 2.0,
    "half_open": 1.0, "kill_node": 3.0, "pause_node": 2.0, "power_off": 1.0, "kill_libvirt": 1.0, "kill_engine": 2.0,
    "pause_engine": 2.0, "cut_journal": 1.0, "journal_away": 1.5, "fold_journal": 1.0, "kill_qemu": 2.0,
    "storage_sick": 1.0, "storage_full": 1.0, "die_at_note": 0.01, "die_at_call": 0.01, "call_fails": 0.05,
    "reply_lost": 0.05, "node_lies": 0.02, "call_seconds": 1.0,
    "append_away": 0.05, "append_unknown": 0.1, "journal_seconds": 0.1,
    "client_loses_reply": 0.2, "guest_garbage": 0.3, "guests_stubborn": 0.5, "skew_seconds": 3_600.0,
    "clock_rate": 0.01, "no_room": 0.05, "fails_after": 0.03, "lasting_failure": 1.0,
    "operator_lies": 0.5,
}  # fmt: skip


ON_HOSTS = (
    "kill_node", "power_off", "operator_lies", "kill_libvirt", "kill_qemu", "storage_sick", "storage_full", "die_at_note",
    "die_at_call", "call_fails", "fails_after", "lasting_failure", "reply_lost", "guest_garbage", "guests_stubborn",
)  # fmt: skip
"""Faults that an operation may fail of, and say so."""


THEMES: dict[str, dict[str, float]] = {
    "failover": {"kill_engine": 1.0, "pause_engine": 4.0, "cut_journal": 3.0, "cut_both": 3.0, "call_seconds": 6.0},
    "database": {"append_unknown": 0.3, "journal_away": 3.0, "fold_journal": 6.0, "journal_seconds": 0.2},
    "nodes": {"kill_node": 6.0, "die_at_note": 0.02, "die_at_call": 0.02, "reply_lost": 0.1, "duplicate": 0.1},
    "broken hosts": {"lasting_failure": 4.0, "fails_after": 0.2, "operator_lies": 3.0, "cut_both": 2.0},
    "power": {"power_off": 4.0, "cut_both": 4.0, "kill_qemu": 4.0},
}
"""What comes together in one seed of three, so that it is not left to chance alone."""


def draw(random: SeededRandom) -> Rates:
    """Each fault is there in half of the seeds, with a rate up to its most; one seed in twenty is calm."""
    rates = Rates()
    if random.random() < 0.05:
        return rates
    for name, most in MOST.items():
        if random.random() < 0.5:
            setattr(rates, name, most * random.random() ** 2)
    if random.random() < 0.1:
        for name in ON_HOSTS:
            setattr(rates, name, 0.0)
        return rates
    if random.random() < 0.33:
        for name, value in THEMES[random.choice(tuple(THEMES))].items():
            setattr(rates, name, value)
    return rates
