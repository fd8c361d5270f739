"""A pair as it is documented, in service by the documented hook, under a name of its own."""

from __future__ import annotations

from pathlib import Path

from remediate.config import RemediationConfig
from remediate.rehearsal.new_pair import documented_pair
from remediate.rehearsal.own_pair import layout_of
from remediate.subcommands import init
from tests.init.blank_pair import InvokedBeside, SetUpPair


class DocumentedPair(SetUpPair):
    """nfs001 serves; rc(8) starts mountd and nfsd on either node; hastwatch is installed with --checks."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, documented_pair(layout_of(RemediationConfig(), 1)))
        self.installs(RemediationConfig())

    def adopt(self, to: Path, *more: str) -> int:
        """`hastwatch init --adopt`; the exit status."""
        words = ["--adopt", "--via", "nfs001", "--peer", "nfs002", *more, "--to", str(to)]
        return init.main(words, InvokedBeside(self.pair))
