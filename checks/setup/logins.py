"""Who may log in to a node by ssh for hastwatch: root of the other node, and the monitoring user, with a forced command
each, and whether sshd(8) lets root in at all. No key leaves the node.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.tables import table
from checks.probes.errors import CommandFailed, NotFound, NotUnderstood
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupProblem, SetupRow, Tier, digits, problem
from checks.setup.monitoring_user import DEFAULT, DOAS, SUDOERS, accounts, of_doas, of_sudo

ROOTS_KEYS = "/root/.ssh/authorized_keys"
KEY = re.compile(
    r"\b(?P<type>(sk-)?(ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp\d+)(@openssh\.com)?) AAAA\S+(?P<comment> .*)?$"
)
"""sshd(8), AUTHORIZED_KEYS FILE FORMAT: options, type, key, comment."""
TYPE = re.compile(r"[a-z0-9@.-]{1,60}")
OURS = re.compile(r"\bhastwatch(-ask)?\b")
FORCED = re.compile(r'(^|,)command="')
BIN = "/usr/local/hastwatch/bin"
"""Where the commands are, as `hastwatch contrib` has it by default."""
ANSWER = f'restrict,command="exec {BIN}/hastwatch answer"'
CHECKS = 'restrict,command="exec {by} -n ' + BIN + '/hastwatch-ask \\"$SSH_ORIGINAL_COMMAND\\""'
REPAIRS = 'restrict,command="set -f; exec {by} -n ' + BIN + "/hastwatch ${SSH_ORIGINAL_COMMAND#" + BIN + '/hastwatch }"'
"""The options of the three lines, as `hastwatch contrib authorized-keys` has them."""
OF_ROOT = re.compile(r'exec /[^\s"]+/hastwatch answer|exec /[^\s"]+/hastwatch-ask')
OF_USER = re.compile(
    r'exec (sudo|doas) -n /[^\s"]+/hastwatch-ask \\"\$SSH_ORIGINAL_COMMAND\\"'
    r"|set -f; exec (sudo|doas) -n (?P<path>/[^\s\"]+/hastwatch) \$\{SSH_ORIGINAL_COMMAND#(?P=path) \}"
)
OPENING = {"pty", "port-forwarding", "agent-forwarding", "x11-forwarding", "user-rc", "environment"}
"""What permits again what `restrict` forbids, or names variables of the command's environment (sshd(8))."""
QUOTED = re.compile(r'"(\\.|[^"\\])*"')
OPTION = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*")+')
REPLACED = OPENING | {"restrict", "command", "tunnel"}
"""What the generated options replace; the others of a line narrow it, such as `from`, and stay."""
KEPT = re.compile(r'[A-Za-z-]{1,40}(="[^"\\\n]{0,400}")?(,[A-Za-z-]{1,40}(="[^"\\\n]{0,400}")?)*')
SSHD_CONFIG = "/etc/ssh/sshd_config"

ROWS = (
    SetupRow(Tier.NETWORK, "setup-key-open", CRITICAL, "a key of the other node is not restricted to hastwatch",
             "whoever has one node has both",
             "on {node}: `sed -i '' {script} {path}`"),
    SetupRow(Tier.NETWORK, "setup-monitoring-key", WARNING, "a key of the monitoring user is not as generated",
             "whoever has the monitoring host, or the other node, gets more than the checks and repairs",
             "on {node}: `sed -i '' {script} {path}`"),
    SetupRow(Tier.NETWORK, "setup-root-refused", CRITICAL, "sshd does not let root in, whose key hastwatch uses",
             "the other node cannot ask this one: no switchover, and failovers wait",
             "on {node}: `sed -i '' {script} {path}`, `sshd -t`, `service sshd reload`"),
    SetupRow(Tier.NETWORK, "setup-root-password", WARNING, "sshd lets root in with a password",
             "whoever guesses it has the node, and with its key what hastwatch answers on the other one",
             "on {node}: `sed -i '' {script} {path}`, `sshd -t`, `service sshd reload`"),
)  # fmt: skip


class LoginFacts(NamedTuple):
    """Lines of authorized_keys that are not as generated: from where they are to the type of the key, what it is for,
    and the options that have to stay, `ssh-ed25519 checks from="10.0.2.15"`."""

    root: Mapping[str, str] = {}
    """From their number."""
    user: Mapping[str, str] = {}
    """From their number and the file, `2:/home/nagios/.ssh/authorized_keys`, of each user who runs the checks."""
    by: str = "sudo"
    """How that user becomes root."""
    permits: str = ""
    """PermitRootLogin as sshd(8) has it; empty where root has no key of hastwatch."""


def read(audited: AuditedNode) -> LoginFacts:
    """Raises ProbeError."""
    audited.needs_root("the keys of root")
    root, uses_root = _lines(_text(audited, ROOTS_KEYS), OF_ROOT, others=False)
    who, by = _monitoring_user(audited)
    keys: dict[str, str] = {}
    users = accounts(audited, who)
    for user in users:
        path = f"{user.home}/.ssh/authorized_keys"
        if path != ROOTS_KEYS:
            # people who share a group with the monitoring user log in with keys of their own
            others = len(users) == 1 or not user.is_person
            lines, _ = _lines(_text(audited, path), OF_USER, others)
            keys |= {f"{number}:{path}": what for number, what in lines.items()}
    return LoginFacts(root, keys, by, _permits(audited) if uses_root else "")


def _text(audited: AuditedNode, path: str) -> str:
    try:
        return audited.node.read(path)
    except NotFound:
        return ""


def _lines(text: str, generated: re.Pattern[str], others: bool) -> tuple[dict[str, str], bool]:
    """The lines that are not as generated, and whether there is one of hastwatch. A key without a forced command is one
    of them where its comment is root's of another machine, or with `others` always."""
    lines, ours = {}, False
    for number, line in enumerate(text.splitlines(), 1):
        key = KEY.search(line)
        if not key or line.lstrip().startswith("#"):
            continue
        options = line[: key.start()].strip()
        forced = FORCED.search(options)
        command = options[forced.end() :] if forced else ""
        names = {each.partition("=")[0].lower() for each in QUOTED.sub("", options).split(",")}
        restricted = "restrict" in names and not names & OPENING
        if OURS.search(options):
            ours = True
            match = generated.match(command)
            is_right = restricted and match is not None and command[match.end() :][:1] == '"'
        else:
            between = others or "root@" in (key["comment"] or "")
            is_right = not between or bool(forced and restricted)
        if not is_right:
            repairs = "SSH_ORIGINAL_COMMAND#" in command
            kept = [each for each in OPTION.findall(options) if each.partition("=")[0].lower() not in REPLACED]
            lines[str(number)] = f"{key['type']} {'repairs' if repairs else 'checks'} {','.join(kept)}"
    return lines, ours


def _monitoring_user(audited: AuditedNode) -> tuple[str, str]:
    """Who runs the checks, and by which program as root, as the rules of sudo and doas have it. Raises ProbeError."""
    if who := of_sudo(_text(audited, SUDOERS)):
        return who, "sudo"
    if who := of_doas(_text(audited, DOAS)):
        return who, "doas"
    return DEFAULT, "sudo"


def _permits(audited: AuditedNode) -> str:
    """`sshd -T`, for the other node where its address is known: a Match block may be for that. Raises ProbeError."""
    management = table(audited.tables(), "failover").get("management")
    of = f"user=root,host={management},addr={management}" if isinstance(management, str) and management else ""
    done = audited.node.run("sshd", "-T", *(("-C", of) if of else ()))
    if done.status != 0:
        raise CommandFailed(f"`sshd -T` exits with {done.status}: {done.words}")
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        if name == "permitrootlogin":
            return value
    raise NotUnderstood("sshd -T", "no permitrootlogin")


def judge(facts: LoginFacts) -> Problems:
    """One node."""
    for number, what in facts.root.items():
        yield _of_line("setup-key-open", ROOTS_KEYS, number, what, ANSWER)
    for place, what in facts.user.items():
        number, _, path = place.partition(":")
        options = REPAIRS if what.split()[1:2] == ["repairs"] else CHECKS
        by = "doas" if facts.by == "doas" else "sudo"
        yield _of_line("setup-monitoring-key", path, number, what, options.replace("{by}", by))
    for reason, value, better in (
        ("setup-root-refused", "no", "forced-commands-only"),
        ("setup-root-password", "yes", "prohibit-password"),
    ):
        if facts.permits == value:
            yield problem(reason, f"PermitRootLogin is {value}", script=LETS_IN.format(better), path=SSHD_CONFIG)


LETS_IN = "1,/^[[:space:]]*[Mm]atch/s/^[[:space:]]*PermitRootLogin/#&/;1s/^/PermitRootLogin {}\\n/"
"""For sed(1): sshd takes the first value that it meets, and what stands in a Match block is for some alone
(sshd_config(5)). There may be no line at all."""


def _of_line(reason: str, path: str, number: str, what: str, options: str) -> SetupProblem:
    """With a script for sed(1) that puts the options before the key; what a node tells of it is a number, a type, and
    what narrows it."""
    says = f"line {number} of {path} is not restricted"
    kind, _, rest = what.partition(" ")
    kept = rest.partition(" ")[2]
    kind = kind if TYPE.fullmatch(kind) else "ssh-"
    new = re.sub(r"([\\&~])", r"\\\1", f"{kept},{options}" if KEPT.fullmatch(kept) else options)
    return problem(reason, says, script=f"{digits(number)}s~^.*\\({kind} AAAA\\)~{new} \\1~", path=path)


GROUP = SetupGroup(
    "logins", "the keys of the other node and of the monitoring user, restricted as generated; root's login by ssh",
    ROWS, LoginFacts, read, judge,
)  # fmt: skip
