"""The checks of a node for Zabbix's agent, each a fixed command line whose answer is one JSON object."""

from __future__ import annotations

from remediate.contrib.definitions import definitions
from remediate.contrib.placement import Placement

ABOUT = """\
# Zabbix agent on a node of the pair: its checks. Copy to a directory that zabbix_agentd.conf names with Include, on
# FreeBSD /usr/local/etc/zabbix6/zabbix_agentd.conf.d, and restart the agent.
# Generated: `hastwatch contrib zabbix`, which knows --directory, --user and --by.
#
# No line takes a parameter, so leave UnsafeUserParameters=0, and set Timeout=30 (3 s by default): a check ends by
# itself. The checks run as {user}; where they need root they ask through hastwatch-ask, which hastwatch.toml has to
# name:
#     via = "{gate}"
# The rules for it are printed by `hastwatch contrib sudoers` and `hastwatch contrib doas`.
"""


def text(placement: Placement) -> str:
    """The file."""
    lines = [ABOUT.format(user=placement.user, gate=placement.as_root("hastwatch-ask"))]
    lines += [
        f"UserParameter={key(each.name)},{placement.command(each.name)} --json\n"
        for each in definitions()
        if each.on_node
    ]
    return "".join(lines)


def key(check: str) -> str:
    """The item's key of a check."""
    return f"hastwatch.{check.removeprefix('check_')}"
