"""What mountd(8) exports, read as it reads it: its files, and of exports(5) which lines it takes and which it refuses.

After mountd.c of FreeBSD 13.2 and 15.1: get_line(), nextfield(), do_opt(), check_options(), get_exportlist_one(). The
text does not tell whether a directory is there, whether a host has an address and what a netgroup holds; a line that
depends on such names says so. A line that is refused exports nothing, and mountd says that in the log alone (`-quiet`:
nowhere).
"""

from __future__ import annotations

import getopt
import ipaddress
import posixpath
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

EXPORTS, ZFS_EXPORTS = "/etc/exports", "/etc/zfs/exports"
"""mountd.c exnames_default; what zfs(8) writes for the property sharenfs (libshare, os/freebsd/nfs.c)."""
WITH_ZFS = (EXPORTS, ZFS_EXPORTS)
"""What rc.d/mountd adds to its flags with zfs_enable."""
OPTIONS = "2Aadeh:lNnp:RrSs"
"""mountd.c main(), FreeBSD 15.1; those of 13.2 are among them."""
LONGEST_FIELD = 255
"""MNTNAMLEN."""
BARE = frozenset({"ro", "o", "alldirs", "public", "webnfs", "quiet", "tls", "tlscert", "tlscertuser"})
"""Options without a value; with one FreeBSD 15 refuses the line."""
MAPS = {"maproot": "root", "root": "root", "r": "root", "mapall": "all"}
NETS = {"network": "network", "n": "network", "mask": "mask", "m": "mask"}
PLAIN_NAME = re.compile(r"[A-Za-z0-9_.:%-]+")
"""What can be a number, or a name of a host, a network or a netgroup: neither `10.0.0.0/8` nor `*`, as other systems
write it."""
FLAVORS = frozenset({"sys", "krb5", "krb5i", "krb5p"})
MOST_FLAVORS = 5
"""MAXSECFLAVORS of sys/mount.h."""


class MountdVerdict(Enum):
    """What mountd does with a line."""

    YES = "exported"
    PERHAPS = "exported, if a name in it is known"
    NO = "refused"


class ExportsLine(NamedTuple):
    """A line that names directories to export. `why` it is refused, or not sure to be taken."""

    number: int
    paths: tuple[str, ...]
    taken: MountdVerdict
    why: str = ""
    alldirs: bool = False
    quiet: bool = False
    text: str = ""
    hosts: tuple[str, ...] = ()
    """Hosts and netgroups, besides a network."""
    network: str = ""
    """ADDRESS/LENGTH or ADDRESS/MASK."""


def files(flags: Sequence[str]) -> tuple[str, ...]:
    """The files that mountd reads, by its arguments. Raises ValueError where it does not take these, and ends."""
    try:
        _, named = getopt.getopt(list(flags), OPTIONS)
    except getopt.GetoptError as error:
        raise ValueError(f"mountd does not take {' '.join(flags)}: {error}") from None
    return tuple(named) or (EXPORTS,)


def parse(text: str) -> tuple[ExportsLine, ...]:
    """The lines of a file that export something, or would. Comments and `V4:` lines export nothing."""
    return tuple(line for each in _lines(text) if (line := _line(*each)) is not None)


def below(lines: Sequence[ExportsLine], point: str, others: Sequence[str] = ()) -> tuple[ExportsLine, ...]:
    """The lines for the file system at a mount point, each with its directories there; `others`: mount points of other
    file systems. mountd takes no path with a symbolic link, so that it lies where it seems to, and no line whose
    directories are in several file systems."""
    points = sorted({point, *others}, key=len, reverse=True)

    def home(path: str) -> str:
        return next((each for each in points if path == each or path.startswith(f"{each.rstrip('/')}/")), "")

    below_it = []
    for line in lines:
        homes = [home(path) for path in map(decoded, line.paths)]
        mine = tuple(decoded(path) for path, at in zip(line.paths, homes, strict=True) if at == point)
        if mine and len(set(homes)) > 1 and line.taken is not MountdVerdict.NO:
            line = line._replace(taken=MountdVerdict.NO, why="its directories are in several file systems")
        if mine:
            below_it.append(line._replace(paths=mine))
    return tuple(below_it)


def decoded(path: str) -> str:
    """A directory as clients name it: without doubled slashes, with the escapes of vis(3) decoded, as mountd of
    FreeBSD 15 does it; earlier ones take a backslash for a character of the name, which no usual name has."""
    return posixpath.normpath("/" + (_unvis(path) or path).lstrip("/"))


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """get_line(): blanks and backslashes at the end go, and where a backslash was among them the next line belongs to
    this one. Its number, its text, and whether it is read: not where the file ends before it does."""
    joined, first = "", 0
    pieces = text.split("\n")
    for number, piece in enumerate(pieces[:-1] if pieces[-1] == "" else pieces, 1):
        without_backslash = piece.rstrip(" \t\\")
        continued = "\\" in piece[len(without_backslash) :]
        first = first or number
        joined += f"{without_backslash} " if continued else without_backslash
        if not continued:
            if joined:
                yield first, joined, True
            joined, first = "", 0
    if joined:
        yield first, joined, False


def _fields(line: str) -> list[str]:
    """nextfield(): at blanks, but not within quotes and not behind a backslash. Both stay in the field."""
    return re.findall(r"(?:\\.|'[^']*(?:'|$)|\"[^\"]*(?:\"|$)|[^ \t])+", line, re.DOTALL)


class _Refused(Exception):
    """mountd refuses the line; the text says why."""


def _line(number: int, text: str, is_read: bool) -> ExportsLine | None:
    words = _fields(text)
    if not words or words[0].startswith("#") or words[0].startswith("V4:"):
        return None
    reading = _Reading()
    try:
        if not is_read:
            raise _Refused("the file ends within the line, which is continued")
        reading.read(words)
    except _Refused as error:
        named = tuple(word.strip("\"'\r") for word in words if word.lstrip("\"'").startswith("/"))
        return (
            ExportsLine(number, named, MountdVerdict.NO, str(error), quiet=reading.quiet, text=text) if named else None
        )
    unsure = reading.unsure()
    taken = MountdVerdict.PERHAPS if unsure else MountdVerdict.YES
    network = reading.network
    if network and not reading.with_length:
        network = f"{network}/{reading.mask or _class_of(network)}"
    hosts = tuple(reading.hosts)
    return ExportsLine(
        number, tuple(reading.paths), taken, unsure, reading.alldirs, reading.quiet, text, hosts, network
    )


class _Reading:
    """The state of get_exportlist_one() within a line."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.hosts: list[str] = []
        self.maps: set[str] = set()
        self.network = self.mask = ""
        self.with_length = self.alldirs = self.quiet = self.after_paths = False
        self.doubts: list[str] = []

    def read(self, words: list[str]) -> None:
        """All fields in order. Raises _Refused."""
        left = list(words)
        while left:
            word = left.pop(0)
            if len(word.encode("utf-8", "surrogateescape")) > LONGEST_FIELD:
                raise _Refused("a field is too long")
            if word.startswith("/"):
                self._directory(word)
                continue
            if not self.paths:
                raise _Refused(f"{word[:40]!r} stands before a directory")
            self.after_paths = True
            if word.startswith("-"):
                self._options(word[1:], left)
            else:
                self.hosts.append(word)
        self._check()

    def _directory(self, word: str) -> None:
        if self.after_paths:
            raise _Refused("directories must be first")
        if re.search(r"['\"\r]", re.sub(r"\\.", "", word)):
            raise _Refused(f"{word[:80]!r}: quotes and a carriage return are part of the name for mountd")
        if "\\" in word:
            if _unvis(word) is None:
                raise _Refused(f"{word[:80]!r} has an escape that is none of vis(3)")
            self.doubts.append("escapes are decoded from FreeBSD 15 on")
        self.paths.append(word)

    def _options(self, text: str, left: list[str]) -> None:
        """do_opt(): the last option of a field may have its value in the next one, which begins with no dash."""
        options = text.split(",")
        for position, option in enumerate(options):
            if not option:
                return  # mountd reads no further in this field
            name, is_given, value = option.partition("=")
            following = left[0] if left and position == len(options) - 1 and not left[0].startswith("-") else ""
            wants_value = name in MAPS or name in NETS or name in ("sec", "index")
            if wants_value and not is_given and not following:
                raise _Refused(f"-{name} without a value")
            if wants_value and not is_given and name != "index":
                left.pop(0)
            self._option(name, value if is_given else following, bool(is_given))

    def _option(self, name: str, value: str, is_given: bool) -> None:
        if name in BARE:
            if is_given:
                self.doubts.append(f"-{name}= is refused from FreeBSD 15 on")
            self.alldirs = self.alldirs or name == "alldirs"
            self.quiet = self.quiet or name == "quiet"
            self.maps |= {"all"} if name == "webnfs" else set()
        elif name in MAPS:
            self.maps.add(MAPS[name])
        elif name == "sec":
            flavors = value.split(":")
            if not FLAVORS.issuperset(flavors) or len(flavors) > MOST_FLAVORS:
                raise _Refused(f"-sec={value}: no such flavor")
        elif NETS.get(name) == "mask":
            mask = _address(value)
            if not PLAIN_NAME.fullmatch(value) or (mask is not None and not _is_mask(mask)):
                raise _Refused(f"{value[:40]!r} is not a mask")
            if mask is None:
                self.doubts.append(f"the mask {value} has to be in networks(5)")
            self.mask = value
        elif NETS.get(name) == "network":
            self._take_network(value)
        elif name != "index":
            raise _Refused(f"there is no option -{name[:40]}")

    def _take_network(self, value: str) -> None:
        if self.network or self.hosts:
            raise _Refused("a network beside a host or another network")
        address, slash, length = value.partition("/")
        self.network, self.with_length = value, bool(slash)
        network = _address(address)
        bits = 32 if network is None else network.max_prefixlen
        number = re.match(r"\s*([+-]?\d+)", length)  # strtol(3): 0 where there is none
        if not PLAIN_NAME.fullmatch(address) or (number and not 0 <= int(number[1]) <= bits):
            raise _Refused(f"-network {value[:40]!r} is not a network")
        if network is None:
            self.doubts.append(f"the network {address} has to be in networks(5)")

    def _check(self) -> None:
        """check_options(), and what follows it. Raises _Refused."""
        if self.maps == {"root", "all"}:
            raise _Refused("-maproot and -mapall exclude each other")
        if self.mask and not self.network:
            raise _Refused("-mask without -network")
        if self.mask and self.with_length:
            raise _Refused("-mask beside a prefix length")
        if self.network and not self.mask and not self.with_length and ":" in self.network:
            raise _Refused("an IPv6 network without a prefix length")
        if self.alldirs and len(self.paths) > 1:
            raise _Refused("-alldirs with several directories")
        if self.network and self.hosts:
            raise _Refused(f"a network and the host {self.hosts[0][:40]!r}")
        if self.hosts and not self._may_be_hosts():
            raise _Refused(f"no host: {' '.join(self.hosts)[:80]!r} (a `#` behind a line begins no comment)")

    def _may_be_hosts(self) -> list[str]:
        """What can be a host or a netgroup at all; not the words of what was meant to be a comment."""
        meant = next((at for at, host in enumerate(self.hosts) if host.startswith("#")), len(self.hosts))
        return [host for host in self.hosts[:meant] if PLAIN_NAME.fullmatch(host)]

    def unsure(self) -> str:
        """What mountd has to look up for the line to export anything; nothing where that is sure."""
        if self.hosts and not any(_address(host) is not None for host in self.hosts):
            return f"{' or '.join(self._may_be_hosts())[:80]} has to be a host or a netgroup"
        return "; ".join(self.doubts)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A number as getaddrinfo(3) and inet_network(3) take it, None for a name."""
    octets = text.split(".")
    if 1 <= len(octets) <= 4 and all(re.fullmatch(r"\d{1,3}", octet) and int(octet) < 256 for octet in octets):
        return ipaddress.IPv4Address(".".join([*(str(int(octet)) for octet in octets), *["0"] * (4 - len(octets))]))
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _class_of(network: str) -> int:
    """The prefix length that a network without a mask has (inet(4), mountd.c get_net())."""
    first = int(_address(network) or 0) >> 24
    return 8 if first < 128 else 16 if first < 192 else 24 if first < 224 else 28 if first < 240 else 32


def _is_mask(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """checkmask(): ones, then zeros."""
    zeros = ~int(address) & (1 << address.max_prefixlen) - 1
    return zeros & zeros + 1 == 0


def _unvis(text: str) -> str | None:
    """strunvis(3), as far as it takes what stands for a character of a name; None where there is something else."""
    octets = bytearray()
    for piece in re.findall(rb"\\(?:[0-7]{1,3}|.)?|[^\\]+", text.encode("utf-8", "surrogateescape"), re.DOTALL):
        escaped = piece[1:]
        if not piece.startswith(b"\\"):
            octets += piece
        elif escaped[:1].isdigit():
            octets.append(int(escaped, 8) & 255) if escaped[:1] < b"8" else octets.extend(escaped)
        elif escaped in (b"s", b"t"):
            octets += {b"s": b" ", b"t": b"\t"}[escaped]
        elif re.fullmatch(rb"[!-~]", escaped) and escaped not in b"MxE^nrbavf$":
            octets += escaped
        else:
            return None
    return octets.decode("utf-8", "backslashreplace")
