"""hast.conf(5): which resources a node has, under which device, and what hastd runs on events.

Reads what the checks need and no more: hastd itself refuses a wrong file. Tokens are those of `sbin/hastd/token.l`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple

from checks.probes.errors import NotFound, NotTheOther, NotUnderstood
from checks.probes.hast import RESOURCE_NAME
from checks.probes.identity import UUID, host_ids, same_name
from checks.probes.node import Node

PATH = "/etc/hast.conf"
BY_HOST_ID = rf"\bon\s+({UUID}|hostid\d+)\b"
"""`on` may also name a node by kern.hostuuid or kern.hostid (`sbin/hastd/parse.y isitme()`)."""
TOKEN = r"[ \t\r]+|#.*|(?P<newline>\n)|(?P<word>[a-zA-Z0-9._/:\-\[\]]+)|(?P<brace>[{}])"


class ConfiguredResource(NamedTuple):
    """A `resource` section as it applies to one node."""

    name: str
    provname: str
    local: str
    hook: str

    @property
    def device(self) -> str:
        """The device that a primary offers (hastd(8))."""
        return f"/dev/hast/{self.provname}"


def configured(node: Node) -> dict[str, ConfiguredResource]:
    """The resources of the node's hast.conf by name. Raises ProbeError."""
    text = node.read(PATH)
    return parse(text, names_of(node, text))


def names_of(node: Node, text: str) -> set[str]:
    """The names by which a hast.conf may mean the node (`isitme()`): its host name, whole and up to the first dot, and,
    where the text uses such, its host UUID and host ID. Raises ProbeError."""
    names = {node.host_name, node.name}
    if re.search(BY_HOST_ID, text):
        ids = host_ids(node)
        names |= {ids.uuid, f"hostid{ids.hostid}"}
    return names


def nodes(text: str) -> dict[str, tuple[str, ...]]:
    """The names in the `on` sections of each resource, as hast.conf has them. Raises NotUnderstood."""
    found: dict[str, tuple[str, ...]] = {}
    name, depth = "", 0
    tokens = _tokens(text)
    for word, line in tokens:
        if word in ("{", "}"):
            depth += 1 if word == "{" else -1
        elif word == "resource" and depth == 0:
            name = _value(tokens, line)
            found[name] = ()
        elif word == "on":
            other = _value(tokens, line)
            found |= {name: (*found[name], other)} if depth == 1 and name in found else {}
    return found


def refuse_stranger(here: Node, there: Node) -> None:
    """Raise NotTheOther where this node's hast.conf does not name `there`, or means both nodes by one name. Where there
    is no hast.conf nothing is replicated, and any node will do. Raises ProbeError."""
    try:
        text = here.read(PATH)
    except NotFound:
        return
    among = sorted({name for each in nodes(text).values() for name in each})
    mine, theirs = meant(names_of(here, text), among), meant(names_of(there, text), among)
    if not theirs:
        raise NotTheOther(f"the way to the other node leads to {there.host_name}, which hast.conf does not name")
    if theirs == mine:
        raise NotTheOther(
            f"hast.conf means both {here.host_name} and {there.host_name} by {mine}: give one of them another host UUID"
            " (`service hostid reset` and a reboot), or name them by host name"
        )


def meant(names: Set[str], among: Iterable[str]) -> str:
    """The name of these by which the host of `names` is meant; empty where none is. A whole name of which the host's
    own is the beginning will do where no other fits."""
    given = tuple(among)
    fits = [name for name in given if any(same_name(name, own) for own in names)]
    fits += [name for name in given if name.partition(".")[0] in names]
    return fits[0] if fits else ""


def parse(text: str, names: Set[str]) -> dict[str, ConfiguredResource]:
    """The resources in a hast.conf, as the node of these names has them. Raises NotUnderstood."""
    found: dict[str, ConfiguredResource] = {}
    tokens = _tokens(text)
    default_hook = ""
    for word, line in tokens:
        if word == "exec":
            default_hook = _value(tokens, line)
        elif word == "resource":
            name = _value(tokens, line)
            if not re.fullmatch(RESOURCE_NAME, name) or name in found:
                raise NotUnderstood("resource in hast.conf", line)
            found[name] = _resource(name, tokens, names, line)
        elif word == "on":
            _value(tokens, line)
            _section(tokens, line)
        else:
            _value(tokens, line)
    return {
        name: resource if resource.hook else resource._replace(hook=default_hook) for name, resource in found.items()
    }


def _resource(name: str, tokens: Iterator[tuple[str, str]], names: Set[str], line: str) -> ConfiguredResource:
    here = _section(tokens, line, names)
    return ConfiguredResource(name, here.get("name", name), here.get("local", ""), here.get("exec", ""))


def _section(tokens: Iterator[tuple[str, str]], line: str, names: Set[str] = frozenset()) -> dict[str, str]:
    """The settings between braces; those of an `on` section count where it is this node's, and override the others."""
    settings: dict[str, str] = {}
    sections: dict[str, dict[str, str]] = {}
    if next(tokens, ("", line))[0] != "{":
        raise NotUnderstood("hast.conf, which lacks a `{`", line)
    for word, line in tokens:
        if word == "}":
            return settings | sections.get(meant(names, sections), {})
        if word == "on":
            name = _value(tokens, line)
            sections[name] = _section(tokens, line)
        else:
            settings[word] = _value(tokens, line)
    raise NotUnderstood("hast.conf, which lacks a `}`", line)


def _value(tokens: Iterator[tuple[str, str]], line: str) -> str:
    word, line = next(tokens, ("", line))
    if word in ("", "{", "}"):
        raise NotUnderstood("hast.conf", line)
    return word


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Each word or brace with the line it stands on."""
    lines = text.splitlines() or [""]
    position, number = 0, 0
    pattern = re.compile(TOKEN)
    while position < len(text):
        token = pattern.match(text, position)
        if not token:
            raise NotUnderstood("hast.conf", lines[min(number, len(lines) - 1)])
        position = token.end()
        if token["newline"]:
            number += 1
        elif token["word"] or token["brace"]:
            yield token[0], lines[min(number, len(lines) - 1)]
