"""hast.conf(5): which resources a node has, under which device, and what hastd runs on events.

Reads what the checks need and no more: hastd itself refuses a wrong file. Tokens are those of `sbin/hastd/token.l`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import NamedTuple

from checks.probes.errors import NotUnderstood
from checks.probes.hast import RESOURCE_NAME
from checks.probes.node import Node

PATH = "/etc/hast.conf"
BY_HOST_ID = r"\bon\s+([0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|hostid\d+)\b"
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
    names = {node.name}
    if re.search(BY_HOST_ID, text):
        values = node.run("sysctl", "-n", "kern.hostuuid", "kern.hostid").stdout.split()
        names |= {values[0], f"hostid{values[1]}"} if len(values) == 2 else set()
    return parse(text, names)


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
    own: dict[str, str] = {}
    if next(tokens, ("", line))[0] != "{":
        raise NotUnderstood("hast.conf, which lacks a `{`", line)
    for word, line in tokens:
        if word == "}":
            return settings | own
        if word == "on":
            name = _value(tokens, line)
            section = _section(tokens, line)
            if name in names or name.partition(".")[0] in names:
                own = section
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
