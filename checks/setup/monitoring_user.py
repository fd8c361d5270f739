"""Who runs the checks on a node: the user, or the group of users, whom hastwatch's rules of sudo(8) and doas(1) name.

A rule names a group as doas.conf(5) and sudoers(5) have it, `:monitoring` and `%monitoring`. Who is in it is read in
passwd(5) and group(5).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes.errors import NotFound
from checks.setup.group import AuditedNode

SUDOERS = "/usr/local/etc/sudoers.d/hastwatch"
DOAS = "/usr/local/etc/doas.conf"
DEFAULT = "nagios"
"""Whom `hastwatch contrib` generates rules for."""
IN_SUDOERS = re.compile(r"(?m)^(?P<who>%?[A-Za-z0-9_][A-Za-z0-9_.-]*) ALL = \(root\) NOPASSWD: HASTWATCH_ASK")
IN_DOAS = re.compile(r"permit nopass (?P<who>(?!root )(:?[A-Za-z0-9_][A-Za-z0-9_.-]*)) as root cmd \S+/hastwatch-ask")
"""Of both those whom `hastwatch contrib` takes for `--user`."""
OF_A_GROUP = ("%", ":")
FIRST_PERSON = 1000
"""The first uid of people; services have smaller ones (pw.conf(5), minuid)."""


class NodeUser(NamedTuple):
    """A user of the node."""

    name: str
    uid: str
    group: str
    """The number of the group in passwd(5)."""
    home: str

    @property
    def is_person(self) -> bool:
        """Whether it is somebody's who logs in, by its number."""
        return self.uid.isdecimal() and int(self.uid) >= FIRST_PERSON


def of_sudo(text: str) -> str:
    """Whom the fragment of sudoers is for; empty where it does not say."""
    named = IN_SUDOERS.search(text)
    return named["who"] if named else ""


def of_doas(text: str) -> str:
    """Whom the rules of doas.conf are for; empty where it has none."""
    return next((named["who"] for line in rules(text) if (named := IN_DOAS.fullmatch(line))), "")


def rules(text: str) -> list[str]:
    """The lines that count."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def accounts(audited: AuditedNode, who: str) -> tuple[NodeUser, ...]:
    """The users that a rule is for by name, number or group. Nobody where a group has no user but root. Raises
    ProbeError."""
    known = _known(audited)
    if not who.startswith(OF_A_GROUP):
        return (next((each for each in known if who in (each.name, each.uid)), _unknown(who)),)
    members: dict[str, NodeUser] = {}
    for name, number, users in _groups(audited):
        if who[1:].lstrip("#") in (name, number):
            listed = [next((each for each in known if each.name == user), _unknown(user)) for user in users if user]
            members |= {each.name: each for each in (*listed, *(each for each in known if each.group == number))}
    return tuple(each for each in members.values() if each.name != "root" and each.uid != "0")


def identities(audited: AuditedNode, account: NodeUser) -> set[str]:
    """What a rule of doas may call a user: its name and number, and each of its groups behind a colon (doas.conf(5)).
    Raises ProbeError."""
    names = {account.name, account.uid}
    for name, number, users in _groups(audited):
        if number == account.group or account.name in users:
            names |= {f":{name}", f":{number}"}
    return names


def _unknown(name: str) -> NodeUser:
    return NodeUser(name, "", "", f"/home/{name}")


def _known(audited: AuditedNode) -> list[NodeUser]:
    rows = [line.split(":") for line in _lines(audited, "/etc/passwd")]
    return [NodeUser(row[0], row[2], row[3], row[5]) for row in rows if len(row) > 5]


def _groups(audited: AuditedNode) -> list[tuple[str, str, list[str]]]:
    """Name, number, and who is listed."""
    rows = [line.split(":") for line in _lines(audited, "/etc/group")]
    return [(row[0], row[2], row[3].split(",")) for row in rows if len(row) > 3]


def _lines(audited: AuditedNode, path: str) -> list[str]:
    try:
        return audited.node.read(path).splitlines()
    except NotFound:
        return []
