"""Which of FreeBSD's own packages has a program. Since 15.0 the base system may be installed as packages (pkgbase), and
these are optional."""

from __future__ import annotations

import posixpath

PACKAGES = {
    "devd": "FreeBSD-devd",
    "hastctl": "FreeBSD-hast",
    "hastd": "FreeBSD-hast",
    "mountd": "FreeBSD-nfs",
    "nfsd": "FreeBSD-nfs",
    "rpc.lockd": "FreeBSD-nfs",
    "rpc.statd": "FreeBSD-nfs",
    "showmount": "FreeBSD-nfs",
    "zfs": "FreeBSD-zfs",
    "zpool": "FreeBSD-zfs",
}
"""`PACKAGE` in the Makefile of each program: sbin/devd, sbin/hastctl, sbin/hastd, usr.sbin/mountd, usr.sbin/nfsd,
usr.sbin/rpc.lockd, usr.sbin/rpc.statd, usr.bin/showmount, cddl/sbin/zfs, cddl/sbin/zpool of 15.1."""


def remedy(program: str) -> str:
    """How a program that is missing is installed, to stand behind that sentence; empty where that is not known."""
    package = PACKAGES.get(posixpath.basename(program))
    return f" (it is in {package}: `pkg install {package}`)" if package else ""
