"""Whose doing it is that buffers are lost when a device is taken away under its mount, on a node that has power.

A clean unmount at that moment would have brought all of them to the node's own disk, linked or not. So the steps are to
blame, whatever the state of the link, but for one excuse: this node had not written alone, and the other one, which was
alive, had the service or was about to have it. The unmount would then have been the first write of a second history
(primary.c, write_complete), and what it saved would have been in the copy that loses.

This module knows the truth of both nodes; who acted had to prove it by an answer of the other node, which takes time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.account.writes import LossCause
from simulator.hastd.metadata import Role
from simulator.network.carp import CarpState

if TYPE_CHECKING:
    from simulator.hastd.daemon import HastdHost
    from simulator.hastd.primary import Primary

ANSWERED = 1.2
"""Seconds between the moment that the other node's answer is of, over ssh(1), and the one when the role is given up."""
LOOKED = 0.5
"""The same for what hastctl(8) and CARP say on this node, which are looked at last."""


def of_the_steps(node: HastdHost, worker: Primary | None, linked: bool) -> LossCause:
    """The cause of a loss by a role that was given up, or a hastd that was stopped, under a mount."""
    if worker is None:  # it was killed, and hastd starts another one, for which an unmount would have waited
        return LossCause.STEPS
    if worker.stopped or not worker.started:
        return LossCause.UFS_DELAY  # no unmount gets anything to such a device
    return LossCause.ONE_HISTORY if not linked and saves_a_split_brain(node, worker) else LossCause.STEPS


def saves_a_split_brain(node: HastdHost, worker: Primary) -> bool:
    """Whether a clean unmount on this node, whose peer is not connected, would make a second history."""
    peer = node.peer
    looked = min(node.clock.now, worker.told_to_end_at) - LOOKED
    has_written_alone = worker.metadata.localcnt != worker.remote_remotecnt
    if has_written_alone and worker.wrote_alone_at <= looked:
        return False
    if not _could_answer(peer):
        return False
    theirs = peer.hastd.resources.get(worker.resource.conf.name)
    if theirs is None and peer.hastd.running:
        return False
    primary = theirs is not None and theirs.role is Role.PRIMARY
    return primary or not any(
        vhid.state is CarpState.MASTER and vhid.master_since <= looked for vhid in node.network.vhids()
    )


def _could_answer(node: HastdHost) -> bool:
    """Whether its hastd runs, or did at the moment of its last answer."""
    return (node.on and node.hastd.running) or node.clock.now - node.hastd_ended < ANSWERED
