"""Faults that are an administrator's: another release of FreeBSD, a package of it that is not there.

See `faults.py`, which lists them with the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import release
from simulator.faults.fault_registry import fault
from simulator.faults.fault_words import FaultError, node_named
from simulator.rc.base_packages import PACKAGES

if TYPE_CHECKING:
    from simulator.node import Node
    from simulator.pair import Pair


def _with_package(pair: Pair, node: str, package: str) -> Node:
    if package not in PACKAGES:
        raise FaultError(f"unknown package {package}; there are {', '.join(PACKAGES)}")
    return node_named(pair, node)


@fault
def install_release(pair: Pair, node: str, release_name: str) -> None:
    """Another release of FreeBSD is installed on a node, such as 15.1; its kernel runs from the next boot on."""
    node_named(pair, node).installed = release.named(release_name)


@fault
def delete_package(pair: Pair, node: str, package: str) -> None:
    """A package of the base system is deleted, FreeBSD-hast or FreeBSD-nfs; what runs goes on."""
    _with_package(pair, node, package).without_packages.add(package)


@fault
def install_package(pair: Pair, node: str, package: str) -> None:
    """The package is installed again."""
    _with_package(pair, node, package).without_packages.discard(package)
