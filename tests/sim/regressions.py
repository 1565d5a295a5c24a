"""Seeds that once found a bug, and what it was. `test_sim.py` runs them all."""

from __future__ import annotations

REGRESSIONS: dict[int, str] = {
    2: "two NICs of one VM with one MAC address: the callback of a removal raised",
    4: "the end of a run was never acknowledged: its node said it once a minute for ever",
    7: "the gateway's feed ended when the database was away while it caught up",
    8: "an attachment asked again while its disk was made was refused; a stop of a suspended VM was sent once only",
    10: "the outcome of ending a stray QEMU was never acknowledged",
    11: "a name with a lone surrogate crashed the encoder behind the command router",
    21: "a start whose reply was lost counted as failed: the VM ran twice",
    22: "the QEMU of a start whose reply was lost outlived its VM",
    27: "as 21, after the node had been killed",
    39: "a host that came back while the database was away stayed non responsive",
    92: "an outcome that the database refused was asked for again without a pause",
    95: "as 92, with the whole database away",
    135: "the timer of a failed reboot was never set",
    239: "a suspended VM whose memory could not be discarded was shown as up",
    162: "a start carried on after its QEMU had come and gone started a second one",
    185: "between a failed commit and going back, a node was told to forget what was not durable",
    201: "as 162",
    220: "history folded while a reader caught up left a hole in what it read",
    390: "a disk asked for again after it was rolled back used step ids that its node had forgotten",
    70112: "a removal that failed was asked for again as the same step, which its node had forgotten: silence for ever",
    3109: "a VM was given up because the database was away when its disk was asked for",
    20168: "a restored VM that died before the outcome of its restore was heard was suspended again, its memory used up",
    124: "a step superseded after its node was killed stayed begun",
}
"""They repeat what happened only as long as nobody changes what a seed draws; they are cheap, and so they stay."""
