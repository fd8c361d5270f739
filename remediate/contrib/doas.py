"""What the user who runs the checks may run as root, for doas(1): the gate, and each repair to the letter.

doas.conf(5): without `args` any words are permitted, with it exactly these; the last rule that matches counts. The gate
judges its words itself (`checks.ask`).
"""

from __future__ import annotations

from remediate.contrib.placement import Placement
from remediate.events.repair_request import REQUESTS

ABOUT = """\
# doas on a node of the pair: what {user}, who runs the checks, may do as root. Nothing of it leads to a shell, as long
# as root alone can write to the commands below and to the Python that they are in.
# Append to /usr/local/etc/doas.conf on FreeBSD, elsewhere to /etc/doas.conf, after `doas -C FILE`. The last rule that
# matches counts: no `deny` and no wider `permit` for {user} may follow. What calls them then says `doas -n` (--by).
# Generated: `hastwatch contrib doas`, which knows --directory and --user.

# Answers what the checks ask and nothing else; `hastwatch-ask --list` says what that is. Root runs checks too, with the
# same configuration.
"""
REPAIRS = """
# The repairs that monitoring may request, and the notice that one is held back. The node checks for itself whether a
# repair is needed. No other option and no other subcommand is permitted.
"""


def text(placement: Placement) -> str:
    """The file."""
    permit = f"permit nopass {placement.user} as root cmd"
    repairs = [f"{permit} {placement.command('hastwatch')} args {' '.join(each.words)}\n" for each in REQUESTS]
    ask = placement.command("hastwatch-ask")
    gate = f"permit nopass root as root cmd {ask}\n{permit} {ask}\n"
    return "".join((ABOUT.format(user=placement.user), gate, REPAIRS, *repairs))
