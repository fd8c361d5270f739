"""The commands of a node for NRPE: its checks, and the repairs that may be asked for, each a fixed command line."""

from __future__ import annotations

from remediate.contrib.definitions import definitions
from remediate.contrib.placement import Placement
from remediate.events.repair_request import REQUESTS, RepairRequest

ABOUT = """\
# NRPE on a node of the pair: its checks, and the repairs that monitoring may ask for. Copy to a directory that
# nrpe.cfg names with include_dir, on FreeBSD /usr/local/etc/nrpe.d, and restart nrpe.
# Generated: `hastwatch contrib nrpe`, which knows --directory, --user and --by.
#
# Every line is complete: nothing from the network becomes part of a command, so leave dont_blame_nrpe=0. The checks
# run as {user}; where they need root they ask through hastwatch-ask, which hastwatch.toml has to name:
#     via = "{gate}"
# {sudo}
"""
SUDO = "The sudo(8) rules for it, and for the repairs below, are printed by `hastwatch contrib sudoers`."
OTHER = "What {user} may run as root has to be exactly this and the repairs below."
CHECKS = """\

# A check ends by itself after 8 s (-t){others}; NRPE's command_timeout, 60 s, is only a safeguard.
"""
REPAIRS = """\

# Repairs: the node checks for itself whether one is needed, and answers before it is done (--detach).
"""
PATH = "/bin:/usr/bin:/usr/local/bin"
"""Where sudo and doas are looked for: FreeBSD has them in the last of these, and a daemon that service(8) starts there
has only the first ones in its PATH (service.sh)."""
HELD = """\

# Called when the engine holds a repair back: the node records that in its journal and repairs nothing.
"""


def text(placement: Placement) -> str:
    """The file."""
    gate = placement.as_root("hastwatch-ask")
    sudo = SUDO if placement.by.startswith("sudo") else OTHER.format(user=placement.user)
    lines = [ABOUT.format(user=placement.user, gate=gate, sudo=sudo), CHECKS.format(others=_others())]
    lines += [f"command[{each.name}]={placement.command(each.name)}\n" for each in definitions() if each.on_node]
    lines += [REPAIRS, *(_repair(placement, request) for request in REQUESTS if request.held is None)]
    lines += [HELD, *(_repair(placement, request) for request in REQUESTS if request.held is not None)]
    return "".join(lines)


def _others() -> str:
    """The checks that take longer."""
    return "".join(f", {each.name} after {each.check.timeout:g} s" for each in definitions() if each.check.takes)


def _repair(placement: Placement, request: RepairRequest) -> str:
    words = (*_found(placement.by), placement.as_root("hastwatch"), *request.words)
    return f"command[{request.nrpe}]={' '.join(words)}\n"


def _found(by: str) -> tuple[str, ...]:
    """What lets the first of these words be found, where it is a name."""
    return () if not by or by.startswith("/") else ("/usr/bin/env", f"PATH={PATH}")
