"""S5: what was acknowledged is durable, and the operation that it names ends in exactly one way.

Ground truth is every reply that left the gateway and what the database holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

OUTCOMES = ("done", "rolled_back", "failed")


def check_reply(
    command_id: str, sequence: int, job_id: str, *, head: int, known_jobs: Collection[str]
) -> Iterator[str]:
    """At the moment at which *accepted* leaves: its rows and its job are in the database."""
    if sequence > head:
        yield f"command {command_id} was accepted with sequence {sequence}; the database ends at {head}"
    if job_id and job_id not in known_jobs:
        yield f"command {command_id} was accepted with job {job_id}, which the database does not know"


def check_endings(jobs: Collection[str], endings: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[str]:
    """At rest: each job ended once, in one of the three ways, with a reason unless it was done.

    `endings`: by job, the (outcome, reason) of each row in which it ended.
    """
    for job_id in jobs:
        found = endings.get(job_id, ())
        if len(found) != 1:
            yield f"job {job_id} ended {len(found)} times"
            continue
        outcome, reason = found[0]
        if outcome not in OUTCOMES:
            yield f"job {job_id} ended as {outcome!r}"
        elif outcome != "done" and not reason:
            yield f"job {job_id} ended as {outcome} without a reason"


OF_USERS_AND_GUESTS = (
    "Superseded.",
    "Cancelled by ",
    "is inactive; it must be active",
    "The guest did not ",
    "no guest agent responds",
    "is attached to the VM",
    "is what other disks rest on",
    "runs on it. Wait for job",
)
"""Why an operation may fail where nothing is wrong on a host: another command came in its way, the guest did not do it,
or the connection to the host of its storage domain was lost when it had to go there."""


def check_failures(failures: Mapping[str, str]) -> Iterator[str]:
    """Where nothing went wrong on any host: what was accepted ends done. `failures`: by job, what failed and why."""
    for job_id, text in failures.items():
        if any(words in text for words in OF_USERS_AND_GUESTS):
            continue
        yield f"job {job_id} failed, though every host was well: {text}"


def check_ended_once(job_id: str, endings: int) -> Iterator[str]:
    """At any time."""
    if endings > 1:
        yield f"job {job_id} ended {endings} times"
