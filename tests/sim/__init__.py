"""The whole cluster from a seed: engines, nodes, database, wires and people in one process, on a virtual clock.

    python -m tests.sim --seeds 100                    a hundred seeds from 1 on; exit code 0 only if clean
    python -m tests.sim --seeds 1 --first-seed 8841 --log   one seed again, with all that happened
    python -m tests.sim --minutes 10 --twice           as many seeds as fit, each run twice
    python -m tests.sim --mutants                      breaks production code on purpose; every break must be found

Production code runs as it is: `supervisors.engine_tree`, `node.tree`, the gateway's feed. What is simulated are ports:
the journal (`actors.journal.memory`), hypervisor and storage (`node.world`), wires (`tests.node.memory_link`), clocks, ids.
Every mailbox message passes the codec. No thread, no file, no socket.

    scenario.py      one seed: furnish, a phase with faults, calm until all is at rest, verdict
    rates.py         how bad this seed's world is          faults.py     what goes wrong, by those rates
    cluster.py       puts all together                     workload.py   what people ask
    engine.py node.py process.py   daemons with incarnations: killed (ports go inert first), paused, started again
    gateway.py       clients that retry, readers that fold  guests.py    agents, some of them hostile
    truth.py database.py observer.py rest.py               what really happened, handed to `tests.checkers`
    mutants.py broken.py   breaks of production code       regressions.py   seeds that once found a bug
    determinism.py   the two private names of Trio         campaign.py __main__.py   many seeds

A checker lives in `tests/checkers/` in a file that bears its invariant's number. A run ends at its first violation.
`sometimes` counts how often interesting states were reached: a checker that never sees them proves nothing.
"""
