"""Simulated nodes on which hastwatch is there and nothing calls it, as after `contrib/freebsd/install --checks`, and
the installer itself, for who sets a pair up with `hastwatch init`.

What the installer puts into its place is the real files; that it installs programs is told again here.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from checks.devd import HOOK
from checks.plugin.config import PATH as CONFIGURATION
from checks.setup.hast_conf import EXAMPLES
from remediate.config import RemediationConfig, load
from remediate.init.adopting import INSTALLER
from remediate.rehearsal.installed import Installed
from remediate.rehearsal.own_pair import healthy_pair
from simulator.host.documented_hook import documented_hook
from simulator.host.programs import PythonHook
from simulator.pair import HAST_HOOK
from simulator.shell.calls import Call, command

if TYPE_CHECKING:
    from remediate.console import Console
    from remediate.context import Context
    from simulator.dying import Life
    from simulator.layout import PairLayout
    from simulator.node import Node
    from simulator.pair import Pair

PUT = {
    "/usr/local/etc/rc.conf.d/mountd": "rc.conf.d/mountd",
    "/usr/local/etc/rc.conf.d/nfsd": "rc.conf.d/nfsd",
    "/usr/local/etc/devd/hastwatch.conf": "devd-hastwatch.conf",
    "/etc/cron.d/hastwatch": "cron-hastwatch",
}
"""What contrib/freebsd/install puts into its place, beside the programs, and its example."""
OLD_HOOK = "/usr/local/sbin/carp-hast-old"
"""The documented hook, under a name of its own."""
RULE = "/etc/devd/carp.conf"
QUIET = 300.0
"""Seconds until a failover that devd's restart may have begun is over."""
ENABLED = "sysrc hastwatch_hold_enable=YES hastwatch_enable=YES"


class Unwired(Installed):
    """The commands and the programs, which nothing calls by itself. The configuration is what a node has in its file
    at that moment."""

    def __init__(self, pair: Pair, state: Path) -> None:
        super().__init__(pair, state, RemediationConfig())
        for node in pair.nodes.values():
            for name in ("hast.conf.sample", *PUT.values()):
                node.files.write(f"{EXAMPLES}/{name}", example(name))
            node.install(INSTALLER.removeprefix("sh "), PythonHook(self._install))

    def wire(self) -> None:
        """The programs are there."""
        for node in self.pair.nodes.values():
            node.install(HOOK, PythonHook(self._carp_event))
            node.install(HAST_HOOK, PythonHook(self._hast_event))

    def _install(self, node: Node, argv: list[str]) -> int:
        for target, name in PUT.items():
            node.files.write(target, example(name))
        return node.run(ENABLED).status

    def _context(self, node: Node, life: Life, console: Console | None = None, imported: float = 0.0) -> Context:
        self.configs[node.name] = self._own(node, configured(node))
        return super()._context(node, life, console, imported)


def documented_pair(layout: PairLayout) -> Pair:
    """In service by the documented hook, the first node serves, and rc(8) starts mountd and nfsd on either node."""
    pair = healthy_pair(replace(layout, nfs_at_boot=True, devd_self_test=False), hooked=False)
    for node in pair.nodes.values():
        node.install(OLD_HOOK, PythonHook(documented_hook))
        node.files.write(RULE, node.files.read(RULE).replace(HOOK, OLD_HOOK))
        pair.must(node, "service devd restart")
    pair.clock.advance(QUIET)
    return pair


def configured(node: Node) -> RemediationConfig:
    """What the hastwatch.toml of a node says. Raises ConfigError."""
    if not node.files.exists(CONFIGURATION):
        return RemediationConfig()
    with NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(node.files.read(CONFIGURATION))
        file.flush()
        return load(file.name)


def example(name: str) -> str:
    """A file of contrib/freebsd, of the sources or of the installation. Raises OSError."""
    sources = Path(__file__).resolve().parents[2] / "contrib" / "freebsd"
    place = sources if sources.is_dir() else Path(sys.prefix) / "share" / "examples" / "hastwatch"
    return (place / name).read_text(encoding="utf-8")


@command("pkg")
def pkg(call: Call) -> int:
    """pkg(8) install -y NAME: whatever it is, it is there."""
    return 0
