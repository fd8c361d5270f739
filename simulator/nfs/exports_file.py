"""exports(5) as mountd reads it: the files it takes from its command line, and the lines in them (mountd.c of 15.1).

get_line(), nextfield(), do_opt(), check_options(), get_exportlist_one(). What mountd looks up (directories, hosts) is
in `exports.py`. A line is taken as a whole or refused as a whole.
"""

from __future__ import annotations

import getopt
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

EXPORTS, ZFS_EXPORTS = "/etc/exports", "/etc/zfs/exports"
"""mountd.c exnames_default; where zfs(8) writes what is shared (libshare, os/freebsd/nfs.c)."""
OPTIONS = "2Aadeh:lNnp:RrSs"
"""mountd.c main(), getopt(3)."""
LONGEST_FIELD = 255
"""MNTNAMLEN."""
WITHOUT_VALUE = {"ro", "o", "alldirs", "public", "webnfs", "quiet", "tls", "tlscert", "tlscertuser"}
MAPS = {"maproot": "root", "root": "root", "r": "root", "mapall": "all"}
NETS = {"network": "network", "n": "network", "mask": "mask", "m": "mask"}
FLAVORS = {"sys", "krb5", "krb5i", "krb5p"}
"""parsesecflavor()."""
PLAIN = re.compile(r"[A-Za-z0-9_.:%-]+")
"""What can be a name or a number at all."""
VIS = {b"s": b" ", b"t": b"\t"}
"""Escapes of strunvis(3) that stand for a character which a name of a directory may have."""


class RejectedLine(Exception):
    """mountd refuses the line. `option`: the one that it does not know."""

    def __init__(self, option: str = "") -> None:
        super().__init__(option)
        self.option = option


@dataclass(slots=True)
class ExportLine:
    """A line that names directories."""

    text: str
    paths: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    """Hosts and netgroups."""
    network: str = ""
    """ADDRESS/LENGTH or ADDRESS/MASK."""
    alldirs: bool = False
    quiet: bool = False
    refused: bool = False
    bad_option: str = ""


def files(arguments: list[str]) -> tuple[str, ...]:
    """The files that a mountd with these arguments reads. Raises ValueError where it does not take them, and ends."""
    try:
        _, named = getopt.getopt(arguments, OPTIONS)
    except getopt.GetoptError as error:
        raise ValueError(str(error)) from None
    return tuple(named) or (EXPORTS,)


def read(text: str) -> Iterator[ExportLine]:
    """The lines that export something, or would; comments and `V4:` lines do not."""
    for joined, complete in _joined(text):
        words = re.findall(r"(?:\\.|'[^']*(?:'|$)|\"[^\"]*(?:\"|$)|[^ \t])+", joined, re.DOTALL)
        if not words or words[0].startswith(("#", "V4:")):
            continue
        reader = _Line(joined)
        try:
            reader.read(words, complete)
        except RejectedLine as error:
            reader.line.refused, reader.line.bad_option = True, error.option
            if not any(word.lstrip("\"'").startswith("/") for word in words):
                continue
        yield reader.line


def decoded(path: str) -> str:
    """A directory with its escapes of vis(3) decoded, as mountd of FreeBSD 15 does it, without doubled slashes."""
    whole = _unvis(path)
    return "/" + "/".join(filter(None, (path if whole is None else whole).split("/")))


def _joined(text: str) -> Iterator[tuple[str, bool]]:
    """get_line(): a backslash among the blanks at the end of a line continues it; False where the file ends first."""
    waiting = ""
    for piece in text.removesuffix("\n").split("\n"):
        without_backslash = piece.rstrip(" \t\\")
        waiting += without_backslash
        if "\\" in piece[len(without_backslash) :]:
            waiting += " "
        else:
            yield waiting, True
            waiting = ""
    if waiting:
        yield waiting, False


class _Line:
    """One line while its fields are read."""

    def __init__(self, text: str) -> None:
        self.line = ExportLine(text)
        self.maps: set[str] = set()
        self.network = self.mask = ""

    def read(self, words: list[str], complete: bool) -> None:
        """All fields in order. Raises RejectedLine."""
        if not complete:
            raise RejectedLine
        left, others = list(words), False
        while left:
            word = left.pop(0)
            if len(word.encode(errors="surrogateescape")) > LONGEST_FIELD:
                raise RejectedLine
            if word.startswith("/"):
                self._directory(word, others)
                continue
            others = True
            if not self.line.paths:
                raise RejectedLine
            if word.startswith("-"):
                self._options(word[1:].split(","), left)
            else:
                self.line.hosts.append(word)
        self._check()

    def _directory(self, word: str, others: bool) -> None:
        unescaped = re.sub(r"\\.", "", word)
        if others or re.search(r"['\"\r]", unescaped) or _unvis(word) is None:
            raise RejectedLine
        self.line.paths.append(word)

    def _options(self, options: list[str], left: list[str]) -> None:
        """do_opt(): the value of the last option may be the next field, which then begins with no dash."""
        for number, option in enumerate(options, 1):
            if not option:
                return
            name, given, value = option.partition("=")
            if name in MAPS or name in NETS or name == "sec":
                if not given:
                    if number < len(options) or not left or left[0].startswith("-"):
                        raise RejectedLine
                    value = left.pop(0)
            elif name == "index":
                if not given and (number < len(options) or not left or left[0].startswith("-")):
                    raise RejectedLine
            elif name not in WITHOUT_VALUE:
                raise RejectedLine(name)
            self._option(name, value)

    def _option(self, name: str, value: str) -> None:
        line = self.line
        line.alldirs = line.alldirs or name == "alldirs"
        line.quiet = line.quiet or name == "quiet"
        if name in MAPS or name == "webnfs":
            self.maps.add(MAPS.get(name, "all"))
        elif name == "sec" and not FLAVORS.issuperset(value.split(":")):
            raise RejectedLine
        elif NETS.get(name) == "mask":
            if not PLAIN.fullmatch(value) or not _is_mask(value):
                raise RejectedLine
            self.mask = value
        elif NETS.get(name) == "network":
            address, slash, length = value.partition("/")
            number = _number(address)
            bits = number.max_prefixlen if number is not None else 32
            if self.network or line.hosts or not PLAIN.fullmatch(address) or (slash and not _within(length, bits)):
                raise RejectedLine
            self.network = value

    def _check(self) -> None:
        """check_options() and the end of get_exportlist_one(). Raises RejectedLine."""
        line, (address, slash, _) = self.line, self.network.partition("/")
        if self.maps == {"root", "all"} or (line.alldirs and len(line.paths) > 1):
            raise RejectedLine
        if self.mask and (slash or not self.network):
            raise RejectedLine
        if self.network:
            if line.hosts or (":" in address and not slash and not self.mask):
                raise RejectedLine
            line.network = self.network if slash else f"{address}/{self.mask or _class_of(_number(address))}"
        meant = next((at for at, host in enumerate(line.hosts) if host.startswith("#")), len(line.hosts))
        if line.hosts and not any(PLAIN.fullmatch(host) for host in line.hosts[:meant]):
            raise RejectedLine


def _within(length: str, bits: int) -> bool:
    """A prefix length as strtol(3) reads it."""
    match = re.match(r"\s*([+-]?\d+)", length)
    return match is None or 0 <= int(match[1]) <= bits


def _number(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, or the beginning of one as networks are written; None for a name."""
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){0,3}", text, re.ASCII):
        text = ".".join([*(str(int(octet)) for octet in text.split(".")), "0", "0", "0"][:4])
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_mask(text: str) -> bool:
    """checkmask(): ones, then zeros; a name may be one of networks(5)."""
    number = _number(text)
    if number is None:
        return True
    bits = f"{int(number):0{number.max_prefixlen}b}"
    return "01" not in bits


def _class_of(number: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> int:
    """get_net(): a network without a mask has that of its class."""
    first = int(number or 0) >> 24
    return next(length for below, length in ((128, 8), (192, 16), (224, 24), (240, 28), (256, 32)) if first < below)


def _unvis(text: str) -> str | None:
    """strunvis(3), as far as a directory's name needs it; None for an escape that is none, or stands for something
    else."""
    octets = bytearray()
    for piece in re.findall(rb"\\(?:[0-7]{1,3}|.)?|[^\\]+", text.encode(errors="surrogateescape"), re.DOTALL):
        escape = piece[1:]
        if not piece.startswith(b"\\"):
            octets += piece
        elif re.fullmatch(rb"[0-7]+", escape):
            octets.append(int(escape, 8) & 255)
        elif escape in VIS:
            octets += VIS[escape]
        elif re.fullmatch(rb"[!-~]", escape) and escape not in b"MxE^nrbavf$":
            octets += escape
        else:
            return None
    return octets.decode(errors="backslashreplace")
