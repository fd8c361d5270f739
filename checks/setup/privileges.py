"""Who may do what on a node: the state directory, the configuration, and the rules of sudo(8) and doas(1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.plugin.config import PATH as CONFIGURATION
from checks.plugin.finding import CRITICAL, WARNING
from checks.probes import program
from checks.probes.errors import CommandFailed, NotFound
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupRow, Tier, digits, problem

STATE = "/var/db/hastwatch"
SUDOERS = "/usr/local/etc/sudoers.d/hastwatch"
DOAS = "/usr/local/etc/doas.conf"
USER = re.compile(r"(?m)^(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*) ALL = \(root\) NOPASSWD: HASTWATCH_ASK")
OURS = "hastwatch"
"""What stands in each rule of doas.conf that is of hastwatch."""
PERMITTED = re.compile(r"permit nopass (?P<user>(?!root )\S+) as root cmd \S+/hastwatch-ask")
RULE = re.compile(r"(permit|deny)( +(nopass|persist|nolog|keepenv|setenv *\{[^}]*\}))* +(?P<who>[^\s{}]+)(?P<rest>.*)")
"""doas.conf(5)."""

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
    SetupRow(Tier.SAFE, "setup-doas-open", CRITICAL, "others than root may write doas.conf",
             "doas refuses it, and the monitoring user gets no answers",
             "on {node}: `chown root:wheel {path}`, `chmod 600 {path}`"),
    SetupRow(Tier.SAFE, "setup-doas-other", WARNING, "hastwatch's rules in doas.conf are not as it generates them",
             "the monitoring user may do more than is meant, or less than the checks need",
             "on {node}: `sed -i '' '/hastwatch/d' {path}`, `hastwatch contrib doas --user {user} >> {path}`,"
             " `doas -C {path}`"),
    SetupRow(Tier.MANUAL, "setup-doas-any", WARNING, "doas.conf has a rule for that user without a command",
             "it permits everything to that user, or denies what the checks need",
             "on {node}: `sed -i '' {line}d {path}`, `doas -C {path}`, where nothing else needs that rule"),
)  # fmt: skip


class PrivilegeFacts(NamedTuple):
    """Paths by what is to be said of them, and users."""

    state: str = ""
    """Who else may read or write the state directory, its mode or owner; empty where nobody may, or it is not there."""
    config: str = ""
    sudoers: str = ""
    user: str = ""
    """Whom the sudo fragment is for, where it is not as generated."""
    doas: str = ""
    """As `sudoers`, of doas.conf."""
    doas_user: str = ""
    """Whom its rules are for, where they are not as generated."""
    doas_any: tuple[str, ...] = ()
    """Numbers of its lines that are for that user and name no command."""


def read(audited: AuditedNode) -> PrivilegeFacts:
    """Raises ProbeError."""
    doas_user, doas_any = _doas(audited)
    return PrivilegeFacts(
        state=_shown(audited, STATE, private=True),
        config=_shown(audited, CONFIGURATION),
        sudoers=_shown(audited, SUDOERS),
        user=_other_user(audited),
        doas=_shown(audited, DOAS),
        doas_user=doas_user,
        doas_any=doas_any,
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
    return "" if _rules(_generated(audited, "sudoers", user)) == _rules(text) else user


def _generated(audited: AuditedNode, what: str, user: str) -> str:
    done = audited.node.run("hastwatch", "contrib", what, "--user", user)
    if done.status != 0:
        raise CommandFailed(f"`hastwatch contrib {what}` exits with {done.status}: {done.words}")
    return done.stdout


def _doas(audited: AuditedNode) -> tuple[str, tuple[str, ...]]:
    """For whom the rules of doas.conf are, where those of hastwatch are not as generated; and the lines for that user
    that name no command. Nothing where it has no rule of hastwatch. Raises ProbeError."""
    try:
        text = audited.node.read(DOAS)
    except NotFound:
        return "", ()
    ours = [rule for rule in _rules(text) if OURS in rule]
    if not ours:
        return "", ()
    user = next((named["user"] for rule in ours if (named := PERMITTED.fullmatch(rule))), "nagios")
    generated = _rules(_generated(audited, "doas", user))
    names = _identities(audited, user)
    numbers = []
    for number, line in enumerate(text.splitlines(), 1):
        rule = RULE.match(line.strip())
        if rule and rule["who"] in names and "cmd" not in rule["rest"].split():
            numbers.append(str(number))
    return "" if sorted(ours) == sorted(generated) else user, tuple(numbers)


def _identities(audited: AuditedNode, user: str) -> set[str]:
    """What a rule may call a user: its name and number, and each of its groups behind a colon (doas.conf(5)). Raises
    ProbeError."""
    names, group = {user}, ""
    for line in _lines_of(audited, "/etc/passwd"):
        fields = line.split(":")
        if fields[0] == user and len(fields) > 3:
            names, group = {*names, fields[2]}, fields[3]
    for line in _lines_of(audited, "/etc/group"):
        fields = line.split(":")
        if len(fields) > 3 and (fields[2] == group or user in fields[3].split(",")):
            names |= {f":{fields[0]}", f":{fields[2]}"}
    return names


def _lines_of(audited: AuditedNode, path: str) -> list[str]:
    try:
        return audited.node.read(path).splitlines()
    except NotFound:
        return []


def _rules(text: str) -> list[str]:
    """The lines that count."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def judge(facts: PrivilegeFacts) -> Problems:
    """One node."""
    for reason, path, shown in (
        ("setup-state-open", STATE, facts.state),
        ("setup-config-open", CONFIGURATION, facts.config),
        ("setup-sudoers-open", SUDOERS, facts.sudoers),
        ("setup-doas-open", DOAS, facts.doas),
    ):
        if shown:
            yield problem(reason, f"{path} is {shown}", path=path)
    if facts.user:
        yield problem("setup-sudoers-other", f"{SUDOERS} is not as generated", user=facts.user, path=SUDOERS)
    if facts.doas_user:
        yield problem("setup-doas-other", f"{DOAS} is not as generated", user=facts.doas_user, path=DOAS)
    for number in facts.doas_any:
        yield problem("setup-doas-any", f"line {number} of {DOAS} names no command", line=digits(number), path=DOAS)


GROUP = SetupGroup(
    "privileges", "state directory, hastwatch.toml, the rules of sudo and doas as generated",
    ROWS, PrivilegeFacts, read, judge,
)  # fmt: skip
