"""Who may do what on a node: the state directory, the configuration, the fragment of sudo(8), and root's keys."""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.plugin.config import PATH as CONFIGURATION
from checks.plugin.finding import CRITICAL, WARNING
from checks.probes import program
from checks.probes.errors import CommandFailed, NotFound
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupRow, Tier, problem

STATE = "/var/db/hastwatch"
SUDOERS = "/usr/local/etc/sudoers.d/hastwatch"
KEYS = "/root/.ssh/authorized_keys"
USER = re.compile(r"(?m)^(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*) ALL = \(root\) NOPASSWD: HASTWATCH_ASK")
KEY = re.compile(r"\b(ssh-(rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+) AAAA\S+(?P<comment> .*)?$")
"""sshd(8), AUTHORIZED_KEYS FILE FORMAT: options, type, key, comment."""
OURS = re.compile(r"\bhastwatch(-ask)?\b")

ROWS = (
    SetupRow(Tier.SAFE, "setup-state-open", CRITICAL, "others than root may read or write the state directory",
             "who may open a lock can hold up every failover; what was written there decides nothing any more",
             "on {node}: `chown root:wheel {path}`, `chmod 700 {path}`"),
    SetupRow(Tier.SAFE, "setup-config-open", CRITICAL, "others than root may write hastwatch.toml",
             "root runs what it names; hastwatch refuses the file, and every failover with it",
             "on {node}: `chown root:wheel {path}`, `chmod 644 {path}`"),
    SetupRow(Tier.SAFE, "setup-sudoers-open", CRITICAL, "others than root may write the sudo fragment of hastwatch",
             "sudo refuses it, and the monitoring user gets no answers",
             "on {node}: `chown root:wheel {path}`, `chmod 440 {path}`"),
    SetupRow(Tier.SAFE, "setup-sudoers-other", WARNING, "the sudo fragment is not what hastwatch generates",
             "the monitoring user may do more than is meant, or less than the checks need",
             "on {node}: `hastwatch contrib sudoers --user {user} > /root/f`, `visudo -cf /root/f`,"
             " `install -m 440 /root/f {path}`"),
    SetupRow(Tier.NETWORK, "setup-key-open", CRITICAL, "a key of the other node is not restricted to hastwatch",
             "whoever has one node has both",
             "on {node}: give line {line} of {path} the options that `hastwatch contrib authorized-keys` prints"),
)  # fmt: skip


class PrivilegeFacts(NamedTuple):
    """Paths by what is to be said of them, and lines of authorized_keys by number; no key leaves the node."""

    state: str = ""
    """Who else may read or write the state directory, its mode or owner; empty where nobody may, or it is not there."""
    config: str = ""
    sudoers: str = ""
    user: str = ""
    """Whom the sudo fragment is for, where it is not as generated."""
    keys: tuple[str, ...] = ()


def read(audited: AuditedNode) -> PrivilegeFacts:
    """Raises ProbeError."""
    return PrivilegeFacts(
        state=_shown(audited, STATE, private=True),
        config=_shown(audited, CONFIGURATION),
        sudoers=_shown(audited, SUDOERS),
        user=_other_user(audited),
        keys=tuple(_open_keys(audited)),
    )


def _shown(audited: AuditedNode, path: str, private: bool = False) -> str:
    """Mode and owner where others may write, or with `private` read; empty where they may not, or nothing is there."""
    done = audited.node.run("ls", "-ldL", path)
    if "No such file" in done.stderr:
        return ""
    listed = program.LISTED.match(done.stdout)
    if done.status != 0 or not listed:
        raise CommandFailed(f"`ls -ldL {path}` exits with {done.status}: {done.words}")
    mode, owner = listed["mode"], listed["owner"]
    wide = mode[5] == "w" or mode[8] == "w" or owner not in ("root", "0", "toor")
    return f"{mode} {owner}" if wide or (private and mode[4:10] != "------") else ""


def _other_user(audited: AuditedNode) -> str:
    try:
        text = audited.node.read(SUDOERS)
    except NotFound:
        return ""
    named = USER.search(text)
    user = named["user"] if named else "nagios"
    done = audited.node.run("hastwatch", "contrib", "sudoers", "--user", user)
    if done.status != 0:
        raise CommandFailed(f"`hastwatch contrib sudoers` exits with {done.status}: {done.words}")
    return "" if _rules(done.stdout) == _rules(text) else user


def _rules(text: str) -> list[str]:
    """The lines that count."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _open_keys(audited: AuditedNode) -> list[str]:
    """The numbers of the lines that are for hastwatch or root of another machine and lack a forced command or
    `restrict`."""
    try:
        text = audited.node.read(KEYS)
    except NotFound:
        return []
    numbers = []
    for number, line in enumerate(text.splitlines(), 1):
        key = KEY.search(line)
        if not key or line.lstrip().startswith("#"):
            continue
        options = line[: key.start()]
        between = OURS.search(options) or "root@" in (key["comment"] or "")
        if between and not ("command=" in options and re.search(r"(^|,)restrict(,|\s|$)", options.strip())):
            numbers.append(str(number))
    return numbers


def judge(facts: PrivilegeFacts) -> Problems:
    """One node."""
    for reason, path, shown in (
        ("setup-state-open", STATE, facts.state),
        ("setup-config-open", CONFIGURATION, facts.config),
        ("setup-sudoers-open", SUDOERS, facts.sudoers),
    ):
        if shown:
            yield problem(reason, f"{path} is {shown}", path=path)
    if facts.user:
        yield problem("setup-sudoers-other", f"{SUDOERS} is not as generated", user=facts.user, path=SUDOERS)
    for number in facts.keys:
        yield problem("setup-key-open", f"line {number} of {KEYS} is not restricted", line=number, path=KEYS)


GROUP = SetupGroup(
    "privileges", "state directory, hastwatch.toml, the sudo fragment as generated, keys between the nodes restricted",
    ROWS, PrivilegeFacts, read, judge,
)  # fmt: skip
