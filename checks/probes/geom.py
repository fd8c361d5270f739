"""GEOM: which providers of a node lie on which, as the kernel says it in `kern.geom.confxml`.

The one source that shows the whole chain, and that an ordinary user may read (`geom_kern.c`, CTLFLAG_RD): glabel(8) and
geom(8) print one class each. The kernel answers from its event queue (`sysctl_kern_geom_confany()`, g_waitfor_event()),
so whoever has the answer knows that every provider that was there before the question has been tasted.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes.errors import CommandFailed, NotUnderstood
from checks.probes.node import Node

OID = "kern.geom.confxml"
QUESTION = ("sysctl", "-n", OID)
DEEPEST = 32
"""Elements within each other; the kernel nests seven (`geom_dump.c`)."""
GATE, MIRROR = "GATE", "MIRROR"
"""Names of classes: ggate(4), of which each device of HAST is one, and gmirror(8)."""
DEVICES = "/dev/"
CLOSED = "r0w0e0"
"""The mode of a provider that nobody has open. Who waits for it has it open, killed or not."""


class Provider(NamedTuple):
    """A provider: its name below /dev, its class, and the names of those that its geom is made of; of a device of HAST
    the last one is the local disk that it reads from (`primary.c enable_direct_reads()`)."""

    name: str
    kind: str
    lower: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    file: str = ""
    """Of a memory disk (md(4)) the file that it shows."""
    size: int = 0
    """Bytes, 0 where the kernel says none."""
    mode: str = ""
    """How often it is open to read, to write and exclusively (`geom_dump.c`, g_conf_provider())."""


Graph = dict[str, Provider]
"""The providers of a node by name."""


def graph(node: Node) -> Graph:
    """What there is now. Raises ProbeError."""
    completed = node.run(*QUESTION)
    if completed.status != 0:
        raise CommandFailed(f"`{' '.join(QUESTION)}` exits with {completed.status}: {completed.words}")
    return parse(completed.stdout)


def find(graph: Graph, device: str) -> Provider | None:
    """The provider behind a device node of /dev; None where there is none."""
    name = device.removeprefix(DEVICES)
    return graph.get(name) or next((each for each in graph.values() if name in each.aliases), None)


def above(graph: Graph, name: str) -> list[str]:
    """The providers that lie on this one directly."""
    return [each.name for each in graph.values() if name in each.lower]


def parse(text: str) -> Graph:
    """The providers in the text of `kern.geom.confxml`. Raises NotUnderstood.

    A class holds geoms, a geom its consumers, each of which names the provider that it is attached to, and its own
    providers (`geom_dump.c`, g_conf_class(), g_conf_geom(), g_conf_consumer(), g_conf_provider()). What a class adds in
    `config` elements is skipped, but for the file of a memory disk.
    """
    from xml.parsers import expat

    reading = _Reading()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reading.begins
    parser.EndElementHandler = reading.ends
    parser.CharacterDataHandler = reading.says
    parser.StartDoctypeDeclHandler = reading.refuse_doctype
    try:
        parser.Parse(text.strip(), True)
    except expat.ExpatError as error:
        raise NotUnderstood("kern.geom.confxml", f"{error}: {text[:80]}") from None
    if not reading.providers:
        raise NotUnderstood("kern.geom.confxml without a provider", text[:80] or "(empty)")
    return reading.graph()


class _Reading:
    """What was read so far: geoms as lists of references, and the names of providers by reference."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.words: list[str] = []
        self.kind = ""
        self.used: list[str] = []
        """The references of the providers that the present geom is attached to."""
        self.made: list[str] = []
        """The references of those that it has."""
        self.providers: dict[str, Provider] = {}
        self.lower: dict[str, tuple[str, ...]] = {}

    def begins(self, element: str, attributes: dict[str, str]) -> None:
        """The start of an element."""
        self.path.append(element)
        self.words = []
        if len(self.path) > DEEPEST:
            raise NotUnderstood("kern.geom.confxml", "elements too deep within each other")
        if self.path[1:] == ["class"]:
            self.kind = ""
        elif self.path[1:] == ["class", "geom"]:
            self.used, self.made = [], []
        elif self.path[1:] == ["class", "geom", "consumer", "provider"]:
            self.used.append(attributes.get("ref", ""))
        elif self.path[1:] == ["class", "geom", "provider"]:
            self.made.append(attributes.get("id", ""))
            self.providers[self.made[-1]] = Provider("", self.kind, ())

    def says(self, text: str) -> None:
        """Text in an element."""
        self.words.append(text)

    def ends(self, element: str) -> None:
        """The end of an element."""
        where, text = self.path[1:], "".join(self.words).strip()
        self.path.pop()
        self.words = []
        if where == ["class", "name"]:
            self.kind = text
        elif where[:3] == ["class", "geom", "provider"] and self.made:
            mine = self.providers[self.made[-1]]
            if where[3:] == ["name"]:
                self.providers[self.made[-1]] = mine._replace(name=text)
            elif where[3:] == ["mode"]:
                self.providers[self.made[-1]] = mine._replace(mode=text)
            elif where[3:] == ["mediasize"] and text.isdecimal():
                self.providers[self.made[-1]] = mine._replace(size=int(text))
            elif where[3:] == ["alias"]:
                self.providers[self.made[-1]] = mine._replace(aliases=(*mine.aliases, text))
            elif where[3:] == ["config", "file"]:
                self.providers[self.made[-1]] = mine._replace(file=text)
        elif where == ["class", "geom"]:
            self.lower |= dict.fromkeys(self.made, tuple(self.used))

    def refuse_doctype(self, *_: object) -> None:
        """The kernel writes none, and entities of somebody else are not expanded."""
        raise NotUnderstood("kern.geom.confxml", "a document type")

    def graph(self) -> Graph:
        """The names in place of the references; a consumer may be attached to nothing any more."""
        names = {reference: each.name for reference, each in self.providers.items()}
        providers: Graph = {}
        for reference, each in self.providers.items():
            lower = tuple(names[under] for under in self.lower.get(reference, ()) if under in names)
            providers[each.name] = each._replace(lower=lower)
        return providers
