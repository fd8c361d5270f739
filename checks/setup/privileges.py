"""Who may do what on a node: the state directory, the configuration, and the rules of sudo(8) and doas(1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from checks.plugin.config import PATH as CONFIGURATION
from checks.plugin.finding import CRITICAL, WARNING
from checks.probes import program
from checks.probes.errors import CommandFailed, NotFound
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupRow, Tier, digits, problem
from checks.setup.monitoring_user import DEFAULT, DOAS, SUDOERS, accounts, identities, of_doas, of_sudo, rules

STATE = "/var/db/hastwatch"
OURS = "hastwatch"
"""What stands in each rule of doas.conf that is of hastwatch."""
RULE = re.compile(r"(permit|deny)( +(nopass|persist|nolog|keepenv|setenv *\{[^}]*\}))* +(?P<who>[^\s{}]+)(?P<rest>.*)")
"""doas.conf(5)."""
BEFORE_COMMENT = re.compile(r'([^"#]|"[^"]*")*')
"""Of a line; a mark between quotes begins no comment."""

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
    """Whom the sudo fragment is for, a user or a group, where it is not as generated."""
    doas: str = ""
    """As `sudoers`, of doas.conf."""
    doas_user: str = ""
    """Whom its rules are for, where they are not as generated."""
    doas_any: tuple[str, ...] = ()
    """Numbers of its lines that are for a user whom the rules are for, and name no command."""
    empty: str = ""
    """The group that the sudo fragment is for, where it has no user; `user` is the default then."""
    doas_empty: str = ""
    """As `empty`, of doas.conf."""


def read(audited: AuditedNode) -> PrivilegeFacts:
    """Raises ProbeError."""
    user, empty = _sudoers(audited)
    doas_user, doas_empty, doas_any = _doas(audited)
    return PrivilegeFacts(
        state=_shown(audited, STATE, private=True),
        config=_shown(audited, CONFIGURATION),
        sudoers=_shown(audited, SUDOERS),
        user=user,
        doas=_shown(audited, DOAS),
        doas_user=doas_user,
        doas_any=doas_any,
        empty=empty,
        doas_empty=doas_empty,
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


def _sudoers(audited: AuditedNode) -> tuple[str, str]:
    """`user` and `empty` of the facts. Raises ProbeError."""
    try:
        text = audited.node.read(SUDOERS)
    except NotFound:
        return "", ""
    who = of_sudo(text) or DEFAULT
    if not accounts(audited, who):
        return DEFAULT, who
    return "" if rules(_generated(audited, "sudoers", who)) == rules(text) else who, ""


def _doas(audited: AuditedNode) -> tuple[str, str, tuple[str, ...]]:
    """`doas_user`, `doas_empty` and `doas_any` of the facts; nothing where there is no rule of hastwatch. Raises
    ProbeError."""
    try:
        text = audited.node.read(DOAS)
    except NotFound:
        return "", "", ()
    ours = [rule for rule in rules(text) if OURS in rule]
    if not ours:
        return "", "", ()
    who = of_doas(text) or DEFAULT
    users = accounts(audited, who)
    if not users:
        return DEFAULT, who, ()
    generated = rules(_generated(audited, "doas", who))
    names = {who}.union(*(identities(audited, each) for each in users))
    return "" if sorted(ours) == sorted(generated) else who, "", tuple(_wide(text, names))


def _generated(audited: AuditedNode, what: str, user: str) -> str:
    done = audited.node.run("hastwatch", "contrib", what, "--user", user)
    if done.status != 0:
        raise CommandFailed(f"`hastwatch contrib {what}` exits with {done.status}: {done.words}")
    return done.stdout


def _wide(text: str, names: set[str]) -> Iterator[str]:
    """The numbers of the lines that are for one of these and name no command."""
    for number, line in enumerate(text.splitlines(), 1):
        code = BEFORE_COMMENT.match(line)
        rule = RULE.match(code[0].strip()) if code else None
        if rule and rule["who"].strip('"') in names and "cmd" not in rule["rest"].split():
            yield str(number)


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
    for reason, path, user, empty in (
        ("setup-sudoers-other", SUDOERS, facts.user, facts.empty),
        ("setup-doas-other", DOAS, facts.doas_user, facts.doas_empty),
    ):
        if user:
            says = f"is for {empty}, a group without a user" if empty else "is not as generated"
            yield problem(reason, f"{path} {says}", user=user, path=path)
    for number in facts.doas_any:
        yield problem("setup-doas-any", f"line {number} of {DOAS} names no command", line=digits(number), path=DOAS)


GROUP = SetupGroup(
    "privileges", "state directory, hastwatch.toml, the rules of sudo and doas as generated",
    ROWS, PrivilegeFacts, read, judge,
)  # fmt: skip
