"""The context of a command that runs on a node, or reaches it through a prefix: from its options and configuration.

Hooks use it too: nothing is imported here but the standard library and what they need anyway.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from checks.plugin.config import PATH, prefix_words
from checks.probes.boot_time import boot_mark
from checks.probes.errors import ProbeError
from checks.probes.node import Node, this_machine
from checks.probes.state_cache import Memory
from remediate.config import RemediationConfig, load
from remediate.context import Context, PeerTransport, Transport
from remediate.state.journal import NAME, Journal, system_syslog
from remediate.state.store import STATE_DIRECTORY, Store
from remediate.timing import Timing

if TYPE_CHECKING:
    import argparse


class LocalOptions(NamedTuple):
    """What the options say; None where they say nothing."""

    config: str | None = None
    via: str | None = None
    peer: str | None = None
    state_dir: str | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which node is meant and where its state is kept."""
    parser.add_argument("--via", metavar="PREFIX", help=(
        "the command prefix that reaches this node (default: run directly); requires --state-dir"
    ))  # fmt: skip
    parser.add_argument("--peer", metavar="PREFIX", help=(
        "the command prefix that reaches the other node (default: as configured)"
    ))  # fmt: skip
    parser.add_argument(
        "--state-dir", metavar="DIR", help=f"the state directory of the node (default: {STATE_DIRECTORY})"
    )
    parser.add_argument("--config", metavar="FILE", help=f"configuration (default: {PATH}, which may be absent)")


def where(options: argparse.Namespace) -> LocalOptions:
    """The options as they were given."""
    return LocalOptions(options.config, options.via, options.peer, options.state_dir)


def context(options: LocalOptions) -> Context:
    """The context. `via` of the configuration is how the checks ask, who are not root and only read: what acts on a
    node goes through no prefix but one that it is given. Raises ConfigError, and ProbeError where a way or the node's
    name is none."""
    config = load(options.config)
    timing, memory = Timing(), Memory(config.checks.state_dir or None)
    here = Transport(prefix_words(options.via or ""), memory)
    peer = prefix_words(config.checks.peer if options.peer is None else options.peer)
    store = Store(options.state_dir or STATE_DIRECTORY)
    return Context(
        here,
        PeerTransport(Transport(peer, memory), here) if peer else None,
        config,
        store,
        Journal(os.path.join(store.directory, NAME), here.node().label, timing, system_syslog, _Boot(here)),
        timing,
    )


def bare(options: LocalOptions) -> Context:
    """The context without a configuration, for what must be done whatever that is like. Raises ConfigError and
    ProbeError where the options themselves are wrong."""
    timing, memory = Timing(), Memory(None)
    store = Store(options.state_dir or STATE_DIRECTORY)
    here = Transport(prefix_words(options.via or ""), memory)
    journal = Journal(os.path.join(store.directory, NAME), this_machine(), timing, system_syslog)
    return Context(here, None, RemediationConfig(), store, journal, timing)


class _Boot:
    """The boot of the node, asked for once and when the first entry of the journal is made."""

    def __init__(self, here: Transport) -> None:
        self._here = here
        self._known = ""

    def __call__(self) -> str:
        if not self._known:
            self._known = _boot_or_nothing(self._here.node())
        return self._known


def _boot_or_nothing(node: Node) -> str:
    try:
        return boot_mark(node) or "not known"
    except ProbeError:
        return "not known"
