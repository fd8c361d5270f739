"""The commands that make a pair of the files, in order, as a page to read and to type from.

Each block of lines stands under the node that it is typed on, as root, and nothing in it has to be replaced. What no
line can say (the way to a node, a fingerprint) is a step of words.
"""

from __future__ import annotations

import shlex
from typing import NamedTuple

from checks.plugin.config import PATH as CONFIGURATION
from remediate.contrib import authorized_keys
from remediate.contrib.placement import Placement
from remediate.init.files import ON_NODE, way
from remediate.init.wanted import ZFS, WantedNode, WantedPair, WantedResource

KEY = "/root/.ssh/id_ed25519"
AUTHORIZED = "/root/.ssh/authorized_keys"
SSHD = "/etc/ssh/sshd_config"
LETS_ROOT_IN = "PermitRootLogin forced-commands-only"
"""sshd_config(5): of a keyword the first value counts, so it is written into the first line."""
DEVICE_APPEARS = 10
"""Seconds: hastd needs up to 3 s from the role to the device (freebsd-facts: device-follows-the-role)."""
COPIED = "From the machine on which it was written."
BOOTED = "Wait until both answer again, and 2 minutes more."


class SetupStep(NamedTuple):
    """Something that is done: on which nodes, in which words, and what is typed there. Without a node it is done by
    hand, and `lines` say how."""

    title: str
    nodes: tuple[WantedNode, ...]
    text: str
    lines: tuple[str, ...]


def new_pair(pair: WantedPair, placement: Placement, directory: str, sizes: dict[str, int]) -> list[SetupStep]:
    """Those of a new pair, whose files are written to a directory. `sizes`: by resource, the bytes of the smaller of
    its two disks where they differ."""
    first, second = pair.nodes
    return [
        *before(pair, placement, directory),
        *(
            SetupStep(
                f"Put the files into their places on {node.name}",
                (node,),
                "Nothing starts yet: maintenance keeps hastwatch quiet, and CARP gets its address with the boot. A file"
                " that was there before stays beside the new one, as FILE.old.",
                _in_place(pair, node),
            )
            for node in pair.nodes
        ),
        *(
            SetupStep(
                f"Give HAST its disks on {node.name}",
                (node,),
                f"**This erases {', '.join(each.disk for each in pair.resources)} of {node.name}.**",
                (*(_create(each, sizes) for each in pair.resources), "service hastd start"),
            )
            for node in pair.nodes
        ),
        SetupStep(
            f"Let {second.name} follow",
            (second,),
            "It has nothing to do before the other node is primary.",
            tuple(f"hastctl role secondary {each.name}" for each in pair.resources),
        ),
        SetupStep(
            f"Make the file systems on {first.name}",
            (first,),
            "The last command has to show `complete`, and `dirty: 0 (0B)`.",
            (
                *(f"hastctl role primary {each.name}" for each in pair.resources),
                f"sleep {DEVICE_APPEARS}",
                *(_make(each) for each in pair.resources),
                *(f"hastctl list {each.name}" for each in pair.resources),
            ),
        ),
        SetupStep(
            f"Give the role back on {first.name}",
            (first,),
            "From here on hastwatch gives the roles, and imports the pools."
            if _pools(pair)
            else "From here on hastwatch gives the roles.",
            (
                *(f"zpool export {each.name}" for each in _pools(pair)),
                *(f"hastctl role secondary {each.name}" for each in pair.resources),
            ),
        ),
        *(
            SetupStep(
                f"Boot {node.name}",
                (node,),
                "It comes up as after every boot: that is the test of all that was set.",
                ("hastwatch maintenance off", "shutdown -r now"),
            )
            for node in pair.nodes
        ),
        *after(pair),
    ]


def before(pair: WantedPair, placement: Placement, directory: str) -> list[SetupStep]:
    """Installing hastwatch, and what `ways` has."""
    return [
        SetupStep(
            "Install hastwatch on both nodes",
            (),
            "On each node, as root, in the directory with the sources. Nothing of it acts on a node without CARP.",
            ("pkg install -y python3", "sh contrib/freebsd/install"),
        ),
        *ways(pair, placement, directory, f"{COPIED} It holds the CARP password: remove the copies at the end."),
    ]


def ways(pair: WantedPair, placement: Placement, directory: str, text: str = COPIED) -> list[SetupStep]:
    """Bringing the files to the nodes, of which `text` is said, and letting root of either node ask the other one. No
    step needs a login of root by ssh, which FreeBSD's sshd refuses (servconf.c: PermitRootLogin is no)."""
    here = shlex.quote(directory)
    name = ON_NODE.rpartition("/")[2]
    taken = f"rm -rf {ON_NODE} && mv {name} {ON_NODE} && chown -R root:wheel {ON_NODE}"
    return [
        *(
            SetupStep(
                f"Give root of {node.name} a key",
                (node,),
                "Without a passphrase: the commands that hastwatch gives the other node have no terminal.",
                (
                    f'test -f {KEY} || ssh-keygen -q -t ed25519 -N "" -f {KEY}',
                    f"install -m 644 {KEY}.pub {public_key(node.name)}",
                ),
            )
            for node in pair.nodes
        ),
        SetupStep(
            "Copy this directory with both keys to both nodes",
            (),
            f"{text} Log in as somebody who may become root by su(1); write `USER@` before the addresses if that is not"
            " your own name.",
            (
                *(f"scp {way(node)}:{public_key(node.name)} {here}/{node.name}.pub" for node in pair.nodes),
                *(f"scp -rp {here} {way(node)}:{name}" for node in pair.nodes),
                *(f"ssh -t {way(node)} \"su root -c '{taken}'\"" for node in pair.nodes),
            ),
        ),
        *(
            SetupStep(
                f"Permit the key of {pair.peer(node).name} on {node.name}",
                (node,),
                "It may run `hastwatch answer` and nothing else. FreeBSD's sshd refuses root altogether, so the second"
                f" half lets root in by keys with such a command: the first line of {SSHD} counts. If you log in as"
                " root with a key of your own, write `prohibit-password` instead. The old file stays as"
                f" {SSHD}.old, and sshd reads the new one only if it is valid.",
                (
                    f"touch {AUTHORIZED} && chmod 600 {AUTHORIZED}",
                    f"grep -qFf {_key_of_peer(pair, node)} {AUTHORIZED} ||"
                    f" (printf '%s ' '{_options(placement)}'; cat {_key_of_peer(pair, node)}) >> {AUTHORIZED}",
                    f"grep -qx '{LETS_ROOT_IN}' {SSHD} ||"
                    f" (cp -p {SSHD} {SSHD}.old && (echo {LETS_ROOT_IN}; cat {SSHD}.old) > {SSHD})",
                    "/usr/sbin/sshd -t && service sshd reload",
                ),
            )
            for node in pair.nodes
        ),
        SetupStep(
            "Let each node know the other one's host key",
            (),
            "On each node, once; compare the fingerprint with that of"
            " `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the other one. That `true` is refused is right.",
            tuple(f"ssh root@{way(pair.peer(node))} true   # on {node.name}" for node in pair.nodes),
        ),
    ]


def public_key(name: str) -> str:
    """Where anybody may read root's public key of a node, and nobody but root may put another one."""
    return f"/usr/local/etc/hastwatch-{name}.pub"


def _key_of_peer(pair: WantedPair, node: WantedNode) -> str:
    return f"{ON_NODE}/{pair.peer(node).name}.pub"


def _options(placement: Placement) -> str:
    """What stands before the key of the other node in what root's sshd permits."""
    return authorized_keys.of_peer(placement, "").strip()


def _in_place(pair: WantedPair, node: WantedNode) -> tuple[str, ...]:
    points = [each.mount_point for each in pair.resources]
    return (
        "hastwatch maintenance on --for 4h --reason setup",
        f"install -b -m 644 {ON_NODE}/hast.conf /etc/hast.conf",
        f"install -b -m 644 {ON_NODE}/exports /etc/exports",
        "mkdir -p /etc/rc.conf.d",
        f"install -b -m 600 {ON_NODE}/netif /etc/rc.conf.d/netif",
        f"install -b -m 644 {ON_NODE}/{node.name}/hastwatch.toml {CONFIGURATION}",
        f"xargs sysrc < {ON_NODE}/rc.conf",
        f"xargs sysrc -f /boot/loader.conf < {ON_NODE}/loader.conf",
        f"cat {ON_NODE}/sysctl.conf >> /etc/sysctl.conf",
        *(f"mkdir -p {point}" for point in points),
        *(f"chflags schg {point}" for point in points),
        "kldload -n carp",
    )


def _pools(pair: WantedPair) -> list[WantedResource]:
    return [each for each in pair.resources if each.kind == ZFS]


def _make(resource: WantedResource) -> str:
    """A pool is in no cache file: rc.d/zpool would import it at a boot, on either node."""
    if resource.kind != ZFS:
        return f"newfs -O2 -U -j {resource.device}"
    return f"zpool create -O mountpoint={resource.mount_point} -o cachefile=none {resource.name} {resource.device}"


def _create(resource: WantedResource, sizes: dict[str, int]) -> str:
    """hastctl(8) takes the whole disk; where the other node's is smaller, as much as that has: hastd refuses copies of
    different sizes (`primary.c init_remote()`)."""
    size = sizes.get(resource.name)
    return f"hastctl create {f'-m {size} ' if size else ''}{resource.name}"


def after(pair: WantedPair) -> list[SetupStep]:
    """Seeing that it serves."""
    return [
        *shared(pair),
        SetupStep(
            f"See that {pair.nodes[0].name} or {pair.nodes[1].name} serves",
            (pair.nodes[0],),
            f"{BOOTED} `doctor` looks at both nodes, and prints a remedy for whatever is wrong.",
            ("hastwatch status", "hastwatch self-test", "hastwatch doctor -x"),
        ),
        SetupStep(
            "Mount it on a client",
            (),
            "",
            tuple(
                f"mount -t nfs {_mounted(pair.service_of(each).address)}:{each.mount_point} /mnt"
                for each in pair.resources
            ),
        ),
        SetupStep(
            "Make backups",
            (),
            "Replication is no backup: what is deleted on one node is deleted on the other one at once. Let the job"
            " touch a file when it has succeeded, and name that in hastwatch.toml: `[setup] backup`. Then `doctor`"
            " says when it is too old.",
            (),
        ),
        SetupStep(
            "Remove the copies of this directory",
            pair.nodes,
            "The CARP password is in /etc/rc.conf.d/netif now. `netif` here has it too.",
            (f"rm -r {ON_NODE}",),
        ),
    ]


def shared(pair: WantedPair) -> list[SetupStep]:
    """With two service addresses: one to each node. They have the same advskew, so whoever booted first has both."""
    if len(pair.services) < 2:
        return []
    return [
        SetupStep(
            f"Let {node.name} serve {' and '.join(each.name for each in pair.resources_of(service))}",
            (node,),
            f"{BOOTED} This is also what you type when one node has served everything and the other one is back; where"
            " the node has the address already it does nothing.",
            (f"ifconfig {service.interface} vhid {service.vhid} state master", "sleep 60"),
        )
        for node, service in zip(pair.nodes, pair.services, strict=True)
    ]


def _mounted(address: str) -> str:
    """mount_nfs(8): an address of IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def page(pair: WantedPair, steps: list[SetupStep], notes: list[str]) -> str:
    """README.md of the directory."""
    names = " and ".join(node.name for node in pair.nodes)
    lines = [f"# The pair of {names}", "", *INTRODUCTION, ""]
    lines += [f"- {note}" for note in notes]
    lines += [""] if notes else []
    for number, step in enumerate(steps, 1):
        lines += [f"## {number}. {step.title}", ""]
        if step.nodes:
            lines += [f"On {' and '.join(node.name for node in step.nodes)}, as root:", ""]
        lines += [step.text, ""] if step.text else []
        lines += [*(f"    {line}" for line in step.lines), ""]
    return "\n".join(lines)


INTRODUCTION = (
    "Written by `hastwatch init`; nothing of it is on a node yet. Read the files, then type the commands step by step:",
    "each step ends before the next one begins. Where a command fails, find out why before you go on.",
)
