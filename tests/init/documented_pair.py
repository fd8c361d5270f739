"""A pair as it is documented, in service by the documented hook, under a name of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from checks.devd import HOOK
from remediate.config import RemediationConfig
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from remediate.subcommands import init
from simulator.host.documented_hook import documented_hook
from simulator.host.programs import PythonHook
from tests.init.blank_pair import InvokedBeside, SetUpPair

OLD_HOOK = "/usr/local/sbin/carp-hast-old"
RULE = "/etc/devd/carp.conf"


class DocumentedPair(SetUpPair):
    """nfs001 serves; rc(8) starts mountd and nfsd on either node; hastwatch is installed with --checks."""

    def __init__(self, state: Path) -> None:
        layout = replace(layout_of(RemediationConfig(), 1), nfs_at_boot=True, devd_self_test=False)
        super().__init__(state, healthy_pair(layout, hooked=False))
        for node in self.pair.nodes.values():
            node.install(OLD_HOOK, PythonHook(documented_hook))
            node.files.write(RULE, node.files.read(RULE).replace(HOOK, OLD_HOOK))
            self.pair.must(node, "service devd restart")
        self.pair.clock.advance(300.0)
        self.installs(RemediationConfig())

    def adopt(self, to: Path, *more: str) -> int:
        """`hastwatch init --adopt`; the exit status."""
        words = ["--adopt", "--via", "nfs001", "--peer", "nfs002", *more, "--to", str(to)]
        return init.main(words, InvokedBeside(self.pair))
