"""Reading /etc/hast.conf as hastd and hastctl do (hast.conf(5), parse.y, token.l): the same errors, the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from simulator.layout import NodeLayout

TOKEN = re.compile(r"(?P<newline>\n)|#[^\n]*(?=\n)|(?P<word>[a-zA-Z0-9._/:\-\[\]]+)|(?P<brace>[{}])|[^\n]")
"""token.l. A character of no rule is skipped, `#` at the very end of the file too (flex(1))."""

CONTROL = "uds:///var/run/hastctl"
"""hast.h, HAST_CONTROL."""
REPLICATIONS = ("fullsync", "memsync", "async")


class HastConfError(Exception):
    """The file can't be used; hastctl and hastd print this text and exit with 78 (EX_CONFIG)."""


@dataclass(frozen=True, slots=True)
class ResourceConf:
    """One resource as this node sees it. `remote` is the peer's address as written, `none` refuses everybody."""

    name: str
    provname: str
    local: str
    remote: str
    source: str
    replication: str
    timeout: int
    exec: str

    def is_remote(self, node: NodeLayout) -> bool:
        """Whether `remote` means this node (proto_tcp.c, tcp_addr())."""
        return self.remote in (f"tcp4://{node.address}:8457", f"tcp4://{node.name}:8457")


@dataclass(frozen=True, slots=True)
class HastConf:
    """The whole file as one node sees it."""

    control: str = CONTROL
    listen: tuple[str, ...] = ("tcp4://0.0.0.0:8457",)
    resources: dict[str, ResourceConf] = field(default_factory=dict)


@dataclass(slots=True)
class _Scope:
    """Values that a section sets and the sections inside it inherit."""

    values: dict[str, str]

    def get(self, key: str, default: str = "") -> str:
        return self.values.get(key, default)


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    number = 1
    for match in TOKEN.finditer(text):
        if match["newline"]:
            number += 1
        elif match["word"] or match["brace"]:
            yield number, match[0]
    yield text.count("\n") + 1, ""


_GLOBAL = {"control", "pidfile", "listen", "replication", "checksum", "compression", "timeout", "exec", "metaflush"}
_RESOURCE = {"replication", "checksum", "compression", "timeout", "exec", "metaflush", "name", "local"}
_NODE = {"name", "local", "remote", "source", "metaflush"}
_CHOICES = {
    "replication": REPLICATIONS,
    "checksum": ("none", "crc32", "sha256"),
    "compression": ("none", "hole", "lzf"),
    "metaflush": ("on", "off"),
}


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at][1]

    def next(self) -> str:
        token = self.peek()
        if token or self._at < len(self._tokens) - 1:
            self._at += 1
        return token

    def fail(self) -> HastConfError:
        line, token = self._tokens[max(0, self._at - 1)]
        return HastConfError(f"Unable to parse configuration file at line {line} near '{token}': syntax error")

    def expect(self, token: str) -> None:
        if self.next() != token:
            raise self.fail()

    def setting(self, key: str, scope: _Scope, lists: list[str] | None = None) -> None:
        value = self.next()
        if not value or value in "{}" or value not in _CHOICES.get(key, (value,)):
            raise self.fail()
        if key == "timeout" and not value.isdigit():
            raise self.fail()
        if key == "listen" and lists is not None:
            lists.append(value)
        scope.values[key] = value

    def skip_section(self, allowed: set[str], scope: _Scope) -> None:
        self.expect("{")
        while (token := self.next()) != "}":
            if token not in allowed:
                raise self.fail()
            self.setting(token, scope)


class _Names(NamedTuple):
    """What a node is called in hast.conf (`parse.y isitme()`)."""

    host: str
    uuid: str
    hostid: int

    def has(self, word: str) -> bool:
        """Whether `on WORD` is about the node."""
        exact = (self.host, self.host.partition(".")[0], f"hostid{self.hostid}")
        return word in exact or word.lower() == self.uuid.lower() != ""


def parse(text: str, node: str, hostuuid: str = "", hostid: int = 0) -> HastConf:
    """The configuration of `node`.

    Raises HastConfError with hastd's words: a syntax error with line and token, a resource configured twice, a resource
    without a section for this node.
    """
    names = _Names(node, hostuuid, hostid)
    parser, top, listens = _Parser(text), _Scope({}), list[str]()
    scopes: dict[str, tuple[_Scope, _Scope | None]] = {}
    while token := parser.next():
        if token == "on":
            mine = names.has(parser.next())
            parser.skip_section({"control", "pidfile", "listen"}, top if mine else _Scope({}))
        elif token == "resource":
            name = parser.next()
            if name in scopes:
                raise HastConfError(f"Resource {name} configured more than once.")
            scopes[name] = _resource(parser, names)
        elif token in _GLOBAL:
            parser.setting(token, top, listens)
        else:
            raise parser.fail()
    resources: dict[str, ResourceConf] = {}
    for name, (scope, own) in scopes.items():
        if own is None:
            acceptable = f"{node}, {hostuuid}, hostid{hostid}"
            raise HastConfError(
                f"No resource {name} configuration for this node (acceptable node names: {acceptable})."
            )
        merged = _Scope({**top.values, **scope.values, **own.values})
        resources[name] = ResourceConf(
            name,
            merged.get("name", name),
            merged.get("local"),
            merged.get("remote"),
            merged.get("source"),
            merged.get("replication", "memsync"),
            int(merged.get("timeout", "20")),
            merged.get("exec"),
        )
        if not resources[name].local:
            raise HastConfError(f"local not configured for resource {name}.")
    conf = HastConf(top.get("control", CONTROL), resources=resources)
    return replace(conf, listen=tuple(listens)) if listens else conf


def _resource(parser: _Parser, names: _Names) -> tuple[_Scope, _Scope | None]:
    scope, own = _Scope({}), None
    parser.expect("{")
    while (token := parser.next()) != "}":
        if token == "on":
            section = _Scope({})
            mine = names.has(parser.next())
            parser.skip_section(_NODE, section)
            if mine:
                own = section
        elif token in _RESOURCE:
            parser.setting(token, scope)
        else:
            raise parser.fail()
    return scope, own
