"""hast.conf(5) on both nodes, read by hastd's own rules, and what hastd runs on its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.text import name_list
from checks.probes import hast_conf, hast_grammar, ifconfig, program, route
from checks.probes.errors import NotUnderstood
from checks.probes.hast_grammar import HastConfFile
from checks.probes.shell_calls import SEARCH_PATH
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, problem

HOOK = "/usr/local/sbin/hastwatch-hast-event"
"""What `exec` has to name (docs/failover.md)."""
DEFAULT_TIMEOUT, DEFAULT_REPLICATION = "20", "memsync"
"""hast.h HAST_TIMEOUT; parse.y yy_config_parse(): HAST_REPLICATION_MEMSYNC."""
DOCUMENTED = "10"
"""Seconds of `timeout` in the documented set-up."""
LEAST, MOST = 5, 15
"""Seconds. Below, a busy disk of the other node ends the connection; above, writes of clients hang as long when the
other node dies."""

ROWS = (
    SetupRow(Tier.MANUAL, "setup-hast-conf-refused", CRITICAL, "hastd refuses /etc/hast.conf",
             "hastd does not start with it, and a reload changes nothing: no replication after the next boot",
             "on {node}: correct the line of /etc/hast.conf that the finding quotes, then `service hastd reload`"),
    SetupRow(Tier.MANUAL, "setup-hast-conf-differs", CRITICAL, "/etc/hast.conf is not the same on both nodes",
             "the nodes replicate under different rules, or not at all after the next reload",
             "make /etc/hast.conf the same on both nodes, then `service hastd reload` on each"),
    SetupRow(Tier.MANUAL, "setup-hast-remote", CRITICAL, "`remote` is no address of the other node's own",
             "hastd connects to nobody, or, where it is an address of CARP, now and then to itself",
             "correct `remote` of {resource} on {node} in /etc/hast.conf on both nodes, then `service hastd reload`"),
    SetupRow(Tier.SAFE, "setup-hast-exec-missing", WARNING, "hast.conf has no `exec`, or not that of hastwatch",
             "hastwatch hears neither of a lost connection nor of a split-brain",
             "on {node}: `sed -i '' -E {script} /etc/hast.conf`, `echo exec {hook} >> /etc/hast.conf`,"
             " `service hastd reload`"),
    SetupRow(Tier.SAFE, "setup-hast-exec-broken", CRITICAL, "what `exec` names cannot be run",
             "hastwatch hears neither of a lost connection nor of a split-brain",
             "on {node}: `install -m 755 {examples}/hastwatch-hast-event {directory}`"),
    SetupRow(Tier.SAFE, "setup-hast-timeout", WARNING, f"`timeout` of hast.conf below {LEAST} or above {MOST} s",
             "too long: clients hang as long when the other node dies; too short: a busy disk ends the connection",
             "on both nodes: `sed -i '' -E {script} /etc/hast.conf`, `echo timeout 10 >> /etc/hast.conf`,"
             " `service hastd reload`"),
    SetupRow(Tier.MANUAL, "setup-hast-replication", WARNING, "a resource is not replicated `fullsync`",
             "a power cut may lose what clients were told is on both disks",
             "on both nodes: `sed -i '' -E {script} {file}`, `echo replication fullsync >> {file}`,"
             " `service hastd reload`"),
)  # fmt: skip


class HastConfFacts(NamedTuple):
    """A hast.conf as hastd reads it."""

    refused: str = ""
    """Why hastd refuses it, else empty."""
    settings: Mapping[str, str] = {}
    """All of the file: `timeout`, `on nfs001: listen`, `home: local`, `home on nfs001: remote`."""
    resources: tuple[str, ...] = ()
    remotes: Mapping[str, str] = {}
    """From each resource to `remote` of this node's own section."""
    addresses: tuple[str, ...] = ()
    """Those of the node that belong to no vhid."""
    broken: Mapping[str, str] = {}
    """From each program of an `exec` that cannot be run to why not."""


def read(audited: AuditedNode) -> HastConfFacts:
    """Raises ProbeError."""
    node = audited.node
    text = node.read(hast_conf.PATH)
    try:
        file = hast_grammar.read(text)
        names = hast_conf.names_of(node, text)
        applied = hast_conf.parse(text, names)
    except NotUnderstood as error:
        return HastConfFacts(refused=str(error).replace("\t", " "))
    hooks = {each.hook for each in applied.values() if each.hook}
    why = {hook: program.why_not(node, hook) for hook in sorted(hooks)}
    why |= {hook: program.cannot_start(node, hook, SEARCH_PATH) for hook, missing in why.items() if not missing}
    return HastConfFacts(
        settings=dict(_flat(file)),
        resources=tuple(applied),
        remotes={name: each.remote for name, each in applied.items()},
        addresses=ifconfig.own_addresses(node.run("ifconfig", "-a").stdout),
        broken={hook: trouble for hook, trouble in why.items() if trouble},
    )


def _flat(file: HastConfFile) -> Iterator[tuple[str, str]]:
    yield from file.settings.items()
    for on in file.nodes:
        yield from ((f"on {on.node}: {name}", value) for name, value in on.settings.items())
    for resource in file.resources:
        yield from ((f"{resource.name}: {name}", value) for name, value in resource.settings.items())
        for on in resource.nodes:
            yield f"{resource.name} on {on.node}", ""
            yield from ((f"{resource.name} on {on.node}: {name}", value) for name, value in on.settings.items())


def judge(facts: HastConfFacts) -> Problems:
    """The file by itself."""
    if facts.refused:
        yield problem("setup-hast-conf-refused", facts.refused)
        return
    for name in facts.resources:
        hook = _setting(facts, name, "exec", "")
        if hook != HOOK:
            says = f"`exec {hook}`" if hook else "no `exec`"
            yield problem(
                "setup-hast-exec-missing", f"{name} has {says} in hast.conf", hook=HOOK, script=_without("exec")
            )
        if (mode := _setting(facts, name, "replication", DEFAULT_REPLICATION)) != "fullsync":
            yield problem(
                "setup-hast-replication",
                f"{name} is replicated {mode}",
                script=_without("replication"),
                file=hast_conf.PATH,
            )
        seconds = _setting(facts, name, "timeout", DEFAULT_TIMEOUT)
        if not LEAST <= int(seconds) <= MOST:
            yield problem("setup-hast-timeout", f"timeout {seconds} of {name}", script=_without("timeout"))
    for hook, trouble in facts.broken.items():
        if hook == HOOK:
            yield problem("setup-hast-exec-broken", trouble, examples=EXAMPLES, directory="/usr/local/sbin/")


def _without(setting: str) -> str:
    """A script for sed(1) -E that takes a setting out wherever it stands, also between others on one line: what is
    then set for all resources at the end of the file holds for each (parse.y, yy_config_parse())."""
    return f"s/[[:<:]]{setting}[[:space:]]+[^[:space:];}}]+//g"


EXAMPLES = "/usr/local/hastwatch/share/examples/hastwatch"
"""Where the samples are installed (docs/failover.md)."""


def _setting(facts: HastConfFacts, resource: str, name: str, default: str) -> str:
    """What holds for a resource; an `on` section has none of these but the metaflush of its node."""
    return facts.settings.get(f"{resource}: {name}", facts.settings.get(name, default))


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """The two files side by side."""
    ours: HastConfFacts = here.facts
    theirs: HastConfFacts = there.facts
    if ours.refused or theirs.refused:
        return
    if ours.settings != theirs.settings:
        keys = sorted({*ours.settings, *theirs.settings})
        wrong = [key for key in keys if ours.settings.get(key) != theirs.settings.get(key)]
        yield problem("setup-hast-conf-differs", f"hast.conf differs in {name_list(wrong[:5])}")
    for one, other in ((here, there), (there, here)):
        for name, remote in one.facts.remotes.items():
            address = route.address_of(remote)
            if address and other.facts.addresses and address not in other.facts.addresses:
                known = name_list(list(other.facts.addresses))
                text = f"{name} on {one.label} has {remote}, and {other.label} has {known}"
                yield problem("setup-hast-remote", text, node=one.label, resource=name)


GROUP = SetupGroup(
    "hast-conf", "hast.conf: by hastd's own rules, the same on both nodes, its hook, replication and timeout",
    ROWS, HastConfFacts, read, judge, judge_pair,
)  # fmt: skip
