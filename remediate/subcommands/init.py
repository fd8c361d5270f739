"""`hastwatch init`: write the files of a new pair, and the commands that make it.

    hastwatch init --node nfs001=10.1.101.3,10.0.2.15 --node nfs002=10.1.101.4,10.0.2.16 \\
        --address 10.1.101.5/24@vtnet1 --vhid 2 --resource home=/dev/ada1 --witness 10.0.2.2 --to pair

It writes hast.conf, exports, the lines of rc.conf, sysctl.conf and loader.conf, the service address with a new CARP
password, hastwatch.toml for each node, and the objects for monitoring into a new directory, with a README.md: the
commands to type on each node, in order. Nothing on a node is changed, and no file is overwritten. The password is only
in the file `netif`, which only you may read, and it is never printed. At a terminal it asks for what no option says.

Where each node is to serve something of its own, give two service addresses, and each resource its vhid:

    --address 10.1.101.5/24@vtnet1 --vhid 2 --resource home=/dev/ada1,vhid=2
    --address 2001:db8::6/64@vtnet1 --vhid 3 --resource mail=/dev/ada2,zfs,vhid=3

With --via and --peer, or on the first node itself, it looks at the machines: their names, addresses, interfaces and
disks have to be as you say, and no disk may be in use. It reports what it could not look at.

--adopt is for a pair in service that has another failover hook, on which hastwatch was installed with --checks. It
reads both nodes, audits them, and writes what they lack: hastwatch.toml, and the commands, the standby first, so that
clients have one planned switchover. What somebody has to decide is listed and left alone.

    hastwatch init --adopt --via 'ssh root@nfs001' --peer 'ssh root@nfs002' --witness 10.0.2.2 --to adopted
"""

from __future__ import annotations

import argparse
import os
import secrets
import string
import sys
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from checks.plugin.config import ConfigError
from checks.plugin.text import name_list, plain
from checks.probes.errors import ProbeError
from remediate import exits
from remediate.arguments import Parser
from remediate.console import Console
from remediate.contrib.placement import Placement
from remediate.init import adopting, directory, existing, files, looking, steps, wanted
from remediate.init.files import PlannedFile
from remediate.init.looking import SeenNode
from remediate.init.questions import NotAnswered, Questions
from remediate.init.wanted import WantedPair, WantedService, WrongInput
from remediate.invocation import OWN, Invocation
from remediate.subcommands.caller import REFUSED, refuse

PROG = "hastwatch init"
README = "README.md"
LETTERS, LENGTH = string.ascii_letters + string.digits, 18
"""Of the password: ip_carp.h CARP_KEY_LEN is 20 with the end of the string (ifconfig(8), carp.c)."""
EXITS = {
    0: "written",
    REFUSED: "the machines are not as you say, or a question was not answered: nothing was written",
    exits.UNAVAILABLE: "with --adopt: a node cannot be read",
    exits.CANNOT_KEEP: "the directory cannot be written",
}
NO_WAY = "no way to it was named"
NONE = "none"
T = TypeVar("T")


class Answers(NamedTuple):
    """What the options and the answers say, before it is held against the machines."""

    pair: WantedPair
    to: str


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    own, console = parser(), invocation.console
    options = own.parse(words, console)
    if options.adopt:
        return _adopt(own, options, invocation)
    try:
        machines = _machines(options, invocation)
    except ConfigError as error:
        own.error(str(error))
    try:
        answers = _answers(options, _questions(options, invocation), machines)
    except WrongInput as error:
        own.error(str(error))
    except NotAnswered as error:
        return refuse(console, PROG, str(error), REFUSED)
    if (
        options.via is None
        and isinstance(machines[0], SeenNode)
        and not looking.is_it(answers.pair.nodes[0], machines[0])
    ):
        machines[0] = NO_WAY  # this machine is none of the two
    try:
        notes = _notes(answers.pair, machines)
    except WrongInput as error:
        return refuse(console, PROG, str(error), REFUSED)
    return _write(console, answers.to, _files(answers, machines, notes, Placement(user=options.user)), notes)


def _write(console: Console, to: str, files: list[PlannedFile], notes: list[str]) -> int:
    """Write the directory and say so; the exit status."""
    try:
        directory.write(to, files)
    except WrongInput as error:
        return refuse(console, PROG, str(error), REFUSED)
    except OSError as error:
        return refuse(console, PROG, f"{to}: {error.strerror or error}", exits.CANNOT_KEEP)
    lines = [*(plain(note, 600) for note in notes), f"Written to {plain(to)}: begin with {README}."]
    console.out.write("".join(f"{line}\n" for line in lines))
    return 0


def _adopt(own: Parser, options: argparse.Namespace, invocation: Invocation) -> int:
    """The same for a pair that is there; the exit status."""
    given = [f"--{name}" for name in ("node", "address", "vhid", "resource", "network") if getattr(options, name)]
    if given:
        own.error(f"--adopt reads what is there: {given[0]} is for a new pair")
    if options.to is None or options.peer is None:
        own.error(f"--adopt requires --{'to' if options.to is None else 'peer'}")
    if options.via is None and not sys.platform.startswith("freebsd"):
        own.error("--adopt requires --via on a machine that is no node")
    try:
        witness = wanted.address(options.witness) if options.witness else ""
        ways = [invocation.machine(prefix or "") for prefix in (options.via, options.peer)]
    except (WrongInput, ConfigError) as error:
        own.error(str(error))
    try:
        pair = existing.read([each.node(existing.AUDIT) for each in ways], witness)
    except WrongInput as error:
        return refuse(invocation.console, PROG, str(error), REFUSED)
    except ProbeError as error:
        return refuse(invocation.console, PROG, str(error), exits.UNAVAILABLE)
    notes, placement = adopting.left_to_decide(pair), Placement(user=options.user)
    if not any(adopting.lacks(pair, each) for each in (pair.standby, pair.active)):
        left = [*(plain(note, 600) for note in notes), "Nothing is missing that a command brings: nothing was written."]
        invocation.console.out.write("".join(f"{line}\n" for line in left))
        return 0
    planned = [files.of_node(pair.pair, each.node, placement) for each in (pair.standby, pair.active)
               if not each.configured]  # fmt: skip
    page = steps.page(pair.pair, adopting.steps(pair, placement, os.path.abspath(options.to)), notes)
    planned = [PlannedFile(README, page), *planned, *files.of_monitoring(pair.pair, placement)]
    return _write(invocation.console, options.to, planned, notes)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS))
    parser.add_argument("--node", action="append", default=[], metavar="NAME=ADDRESS[,MANAGEMENT]", help=(
        "a node, twice: its host name, its address for replication and, if it has one, its address on a network that"
        " replication does not use; the first one serves first"
    ))  # fmt: skip
    parser.add_argument("--address", action="append", default=[], metavar="ADDRESS/PREFIX@INTERFACE", help=(
        "the service address, of IPv4 or IPv6, which CARP moves; twice where each node is to serve resources of its own"
    ))  # fmt: skip
    parser.add_argument("--vhid", action="append", default=[], metavar="N", help=(
        "its vhid, which nobody else on the segment has; as often as --address, in the same order"
    ))  # fmt: skip
    parser.add_argument("--advskew", type=int, default=wanted.DEFAULT_SKEW, metavar="N",
                      help=f"of both nodes (default: {wanted.DEFAULT_SKEW})")  # fmt: skip
    parser.add_argument("--resource", action="append", default=[], metavar="NAME=DISK[,zfs][,vhid=N]", help=(
        "a resource and its disk, the same on both nodes; repeatable. UFS is made on it, or a ZFS pool of its name;"
        " vhid: of its service address, where there are two"
    ))  # fmt: skip
    parser.add_argument("--network", action="append", default=[], metavar="NETWORK", help=(
        "from where clients may mount; repeatable (default: the networks of the service addresses)"
    ))  # fmt: skip
    parser.add_argument("--witness", metavar="ADDRESS", help="what answers ping wherever the network works, a gateway")
    parser.add_argument("--adopt", action="store_true", help="an existing pair: write only what it lacks")
    parser.add_argument("--user", default=Placement().user, metavar="NAME",
                      help=f"who runs the checks on the nodes (default: {Placement().user})")  # fmt: skip
    parser.add_argument("--via", metavar="PREFIX", help="the command prefix that reaches the first node, to look at it")
    parser.add_argument("--peer", metavar="PREFIX", help="the same for the second node")
    parser.add_argument("--to", metavar="DIR", help="the directory that is written, a new one")
    return parser


def _machines(options: argparse.Namespace, invocation: Invocation) -> list[SeenNode | str]:
    """What is seen of both, or why nothing was. Raises ConfigError."""
    machines: list[SeenNode | str] = []
    for prefix in (options.via, options.peer):
        if prefix is None and (machines or not sys.platform.startswith("freebsd")):
            machines.append(NO_WAY)
            continue
        transport = invocation.machine(prefix or "")
        try:
            machines.append(looking.look(transport.node(looking.SECONDS)))
        except ProbeError as error:
            machines.append(str(error))
    return machines


def _questions(options: argparse.Namespace, invocation: Invocation) -> Questions | None:
    asked = invocation.console.asked
    return Questions(invocation.console, asked) if asked is not None else None


def _answers(options: argparse.Namespace, questions: Questions | None, machines: list[SeenNode | str]) -> Answers:
    """Raises WrongInput, NotAnswered."""
    nodes = [wanted.node(each) for each in options.node]
    if len(nodes) > 2:
        raise WrongInput("--node: a pair has two nodes")
    for number in range(len(nodes), 2):
        which = ("first", "second")[number]
        question = f"Name and address of the {which} node, NAME=ADDRESS[,MANAGEMENT]"
        nodes.append(_asked(questions, "--node", question, wanted.node, _own(machines[number])))
    services, networks = _services(options, questions, machines)
    resources = [wanted.resource(each) for each in options.resource]
    while len(resources) < (1 if options.resource else len(services)):
        question = "Resource and its disk, NAME=DISK[,zfs][,vhid=N]"
        resources.append(_asked(questions, "--resource", question, wanted.resource))
    networks = [wanted.network(each) for each in options.network] or networks
    if not options.network and not (options.address and all(networks)):
        question = "Network of the clients of {}"
        networks = [
            _asked(questions, "--network", question.format(service.address), wanted.network, network)
            for service, network in zip(services, networks, strict=True)
        ]
    witness = wanted.address(options.witness) if options.witness else ""
    pair = wanted.checked(
        WantedPair((nodes[0], nodes[1]), services, tuple(resources), tuple(dict.fromkeys(networks)), witness)
    )
    to = options.to or _asked(questions, "--to", "Directory to write", _directory, "-".join(n.name for n in pair.nodes))
    return Answers(pair, to)


def _services(
    options: argparse.Namespace, questions: Questions | None, machines: list[SeenNode | str]
) -> tuple[tuple[WantedService, ...], list[str]]:
    """The service addresses, and the network of each. Raises WrongInput, NotAnswered."""
    texts, vhids = list(options.address), [wanted.vhid(each) for each in options.vhid]
    if not texts:
        question = "Service address, ADDRESS/PREFIX@INTERFACE"
        texts = [_asked(questions, "--address", question, _service)]
        _vhids(texts, vhids, questions, machines)
        question = "Another one, where the second node is to serve resources of its own"
        other = _asked(questions, "--address", question, lambda text: text if text == NONE else _service(text), NONE)
        texts += [] if other == NONE else [other]
    _vhids(texts, vhids, questions, machines)
    if len(vhids) > len(texts):
        raise WrongInput(f"--vhid: {len(vhids)} are given for {len(texts)} of --address")
    given = [wanted.service(text, vhid, options.advskew) for text, vhid in zip(texts, vhids, strict=True)]
    return tuple(service for service, _ in given), [network for _, network in given]


def _vhids(texts: list[str], vhids: list[int], questions: Questions | None, machines: list[SeenNode | str]) -> None:
    """Ask for those that are missing."""
    while len(vhids) < len(texts):
        question = "Its vhid, which nobody else on the segment has"
        vhids.append(_asked(questions, "--vhid", question, wanted.vhid, _free(machines, vhids)))


def _service(text: str) -> str:
    """An answer that can be one."""
    wanted.service(text, 1)
    return text


def _asked(
    questions: Questions | None, option: str, question: str, understood: Callable[[str], T], default: str = ""
) -> T:
    if questions is None:
        raise WrongInput(f"{option} is required where there is no terminal to ask on")
    return questions.ask(question, understood, default)


def _directory(text: str) -> str:
    if not text:
        raise WrongInput("name a directory")
    return text


def _own(machine: SeenNode | str) -> str:
    """What the machine itself says of its name and its first address, as a default."""
    if isinstance(machine, str) or not machine.interfaces:
        return ""
    own = [
        each
        for name, addresses in machine.interfaces.items()
        for each in addresses
        if not name.startswith("lo") and ":" not in each
    ]
    return f"{machine.host_name}={own[0]}" if own else ""


def _free(machines: list[SeenNode | str], given: list[int]) -> str:
    """The first vhid that neither machine has, and that is not given already."""
    taken = set(given) | {vhid.number for each in machines if isinstance(each, SeenNode) for vhid in each.vhids}
    return str(next(number for number in range(1, wanted.MOST_VHID + 1) if number not in taken))


def _notes(pair: WantedPair, machines: list[SeenNode | str]) -> list[str]:
    """What is to be known of the machines. Raises WrongInput."""
    notes: list[str] = []
    for node, machine in zip(pair.nodes, machines, strict=True):
        if isinstance(machine, str):
            notes.append(f"Not looked at: {node.name} ({machine}).")
        else:
            notes += looking.compare(pair, node, machine)
    vhids = name_list([str(each.vhid) for each in pair.services])
    for interface in dict.fromkeys(each.interface for each in pair.services):
        notes.append(
            f"Not looked at: whether somebody else on the segment has vhid {vhids}. On either node,"
            f" `tcpdump -c 1 -ni {interface} proto 112` shows every second who has one, and which."
        )
    if not pair.nodes[0].management:
        notes.append("No management address: a power cut costs the time that ssh takes to give up.")
    if not pair.witness:
        notes.append("No witness: a node that is cut off takes the other one for dead.")
    return notes


def _files(
    answers: Answers, machines: list[SeenNode | str], notes: list[str], placement: Placement
) -> list[PlannedFile]:
    pair = answers.pair
    passwords = tuple("".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for _ in pair.services)
    sizes = looking.smaller(pair, [each if isinstance(each, SeenNode) else None for each in machines])
    planned = steps.new_pair(pair, placement, os.path.abspath(answers.to), sizes)
    page = steps.page(pair, planned, notes)
    return [PlannedFile(README, page), *files.planned(pair, passwords, placement)]


if __name__ == "__main__":
    sys.exit(main())
