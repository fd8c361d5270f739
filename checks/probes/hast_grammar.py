"""The language of hast.conf(5), as hastd(8) and hastctl(8) read it: `sbin/hastd/token.l` and `parse.y`, the same in
FreeBSD 13.2 and 15.1. What they accept is accepted here, and what they refuse is refused.

Nothing here knows which node it is on: `checks.probes.hast_conf` picks what applies to one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from checks.probes.errors import NotUnderstood

TOKEN = re.compile(
    r"(?P<newline>\n)|(?P<comment>#[^\n]*(?=\n))|(?P<word>[a-zA-Z0-9._/:\-\[\]]+)|(?P<brace>[{}])|(?P<skipped>[^\n])"
)
"""A character of no rule is copied to standard output and skipped (flex's default rule), as quotes, semicolons and
carriage returns are. A comment is one only where a line end follows: `#` at the very end of a file is skipped alone."""
KEYWORDS = frozenset(
    (
        "control", "pidfile", "listen", "replication", "checksum", "compression", "timeout", "exec", "metaflush",
        "resource", "name", "local", "remote", "source", "on", "off", "fullsync", "memsync", "async", "none", "crc32",
        "sha256", "hole", "lzf",
    )
)  # fmt: skip
ADDRESS, PATH, NAME = 1024, 1024, 255
"""hast.h HAST_ADDRSIZE; limits.h PATH_MAX and NAME_MAX: strlcpy(3) has to leave room for a NUL."""
LENGTHS = {
    "control": ADDRESS, "pidfile": PATH, "listen": ADDRESS, "exec": PATH, "name": PATH, "local": PATH,
    "remote": ADDRESS, "source": ADDRESS,
}  # fmt: skip
"""One byte more than a value may have. A `name` in an `on` section may have NAME (hast.h, hr_provname)."""
CHOICES = {
    "replication": ("fullsync", "memsync", "async"),
    "checksum": ("none", "crc32", "sha256"),
    "compression": ("none", "hole", "lzf"),
    "metaflush": ("on", "off"),
}
OF_ALL = frozenset(
    ("control", "pidfile", "listen", "replication", "checksum", "compression", "timeout", "exec", "metaflush")
)
OF_A_NODE = frozenset(("control", "pidfile", "listen"))
OF_A_RESOURCE = frozenset(("replication", "checksum", "compression", "timeout", "exec", "metaflush", "name", "local"))
OF_A_RESOURCE_ON_A_NODE = frozenset(("name", "local", "remote", "source", "metaflush"))
MOST_SECONDS = 2**31 - 1


class NodeSection(NamedTuple):
    """An `on` section: the node as it is named, and the settings, the last of each name."""

    node: str
    settings: Mapping[str, str]


class ResourceSection(NamedTuple):
    """A `resource` section, and the line that begins it."""

    name: str
    line: str
    settings: Mapping[str, str]
    nodes: tuple[NodeSection, ...]


class HastConfFile(NamedTuple):
    """A whole hast.conf."""

    settings: Mapping[str, str]
    nodes: tuple[NodeSection, ...]
    resources: tuple[ResourceSection, ...]


class _Token(NamedTuple):
    """`kind` is a keyword or a brace itself, else NUM, STR or END."""

    kind: str
    text: str
    line: int


def read(text: str) -> HastConfFile:
    """A hast.conf. Raises NotUnderstood with the line at which hastd would refuse it."""
    return _Reader(text).file()


def _tokens(text: str) -> list[_Token]:
    tokens, line = [], 0
    for token in TOKEN.finditer(text):
        if token["newline"]:
            line += 1
        elif token["word"]:
            word = token["word"]
            kind = word if word in KEYWORDS else "NUM" if word.isdecimal() else "STR"
            tokens.append(_Token(kind, word, line))
        elif token["brace"]:
            tokens.append(_Token(token["brace"], token["brace"], line))
    return [*tokens, _Token("END", "", line)]


class _Reader:
    """The grammar, as a descent over the tokens."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.tokens = _tokens(text)
        self.at = 0
        self.anywhere = True
        """Outside of an `on` section: in one, too long a value is refused by the node that it is for."""

    def file(self) -> HastConfFile:
        settings: dict[str, str] = {}
        nodes: list[NodeSection] = []
        resources: dict[str, ResourceSection] = {}
        while self.tokens[self.at].kind != "END":
            token = self.take()
            if token.kind == "on":
                nodes.append(self.section(OF_A_NODE))
            elif token.kind == "resource":
                section = self.resource(resources)
                resources[section.name] = section
            else:
                self.setting(token, OF_ALL, settings)
        return HastConfFile(settings, tuple(nodes), tuple(resources.values()))

    def resource(self, known: Mapping[str, ResourceSection]) -> ResourceSection:
        name = self.string()
        if name.text in known or len(name.text) >= NAME:
            self.refuse(name)
        self.expect("{")
        settings: dict[str, str] = {}
        nodes: list[NodeSection] = []
        while (token := self.take()).kind != "}":
            if token.kind == "on":
                nodes.append(self.section(OF_A_RESOURCE_ON_A_NODE))
            else:
                self.setting(token, OF_A_RESOURCE, settings)
        return ResourceSection(name.text, self.lines[name.line], settings, tuple(nodes))

    def section(self, allowed: frozenset[str]) -> NodeSection:
        node = self.string().text
        self.expect("{")
        settings: dict[str, str] = {}
        self.anywhere = False
        while (token := self.take()).kind != "}":
            self.setting(token, allowed, settings)
        self.anywhere = True
        return NodeSection(node, settings)

    def setting(self, token: _Token, allowed: frozenset[str], settings: dict[str, str]) -> None:
        if token.kind not in allowed:
            self.refuse(token)
        if token.kind in CHOICES:
            value = self.take()
            if value.kind not in CHOICES[token.kind]:
                self.refuse(value)
        elif token.kind == "timeout":
            value = self.expect("NUM")
            if not 0 < int(value.text[:20]) <= MOST_SECONDS:
                self.refuse(value)
        elif token.kind == "remote" and self.tokens[self.at].kind == "none":
            value = self.take()
        else:
            value = self.string()
            if len(value.text) >= LENGTHS[token.kind] and (self.anywhere or token.kind == "listen"):
                self.refuse(value)
        settings[token.kind] = value.text

    def string(self) -> _Token:
        return self.expect("STR")

    def expect(self, kind: str) -> _Token:
        token = self.take()
        if token.kind != kind:
            self.refuse(token)
        return token

    def take(self) -> _Token:
        token = self.tokens[self.at]
        if token.kind == "END":
            self.refuse(token)
        self.at += 1
        return token

    def refuse(self, token: _Token) -> NoReturn:
        if token.kind == "END":
            last = next((line for line in reversed(self.lines) if line.strip()), "(empty)")
            raise NotUnderstood("hast.conf, which ends too early,", last)
        raise NotUnderstood("hast.conf", self.lines[token.line])
