"""Which role the other node's hastd has, asked by the first step of the replication's own handshake.

hastd answers whoever has the address that its `remote` names, before anything else happens (freebsd-facts:
hastd-tells-its-role): a primary and a node without a role say so, and a secondary says that the token is not the one it
has given out. Nothing comes of it there but a line in the log. Without a token a secondary would end its worker for the
new connection, so one is always sent; and drawn at random, as that of a hastd that was never connected is zero. The
messages are pairs of names and values (nv.c) behind a header of version and size (hast_proto.c).
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator

from checks.probes.hast import Role
from checks.probes.route import REMOTE, address_of
from remediate.context import Transport
from remediate.failover.resource import PORT

HEADER = struct.Struct("<BI")
"""struct hast_main_header, packed: the version of the protocol, and the size of what follows (little-endian)."""
PAIR = struct.Struct("<BBI")
"""struct nvhdr, packed: the type, and the sizes of name and value, each of which is filled up to ALIGNED bytes."""
ALIGNED = 8
VERSION = 2
"""HAST_PROTO_VERSION, the same from 13.2 to 15.1."""
UINT8, UINT8_ARRAY, STRING = 2, 10, 17
"""NV_TYPE_*."""
TOKEN_SIZE = 16
"""HAST_TOKEN_SIZE."""
LARGEST = 4096
"""Bytes of an answer that are read: the longest of the known ones has 113."""
SECONDS = 2.0
"""Seconds for the answer: hastd takes one connection after the other."""
REFUSALS = {
    b"Remote node acts as init for the resource and not as secondary.": Role.INIT,
    b"Token doesn't match.": Role.SECONDARY,
}
"""`errmsg` of one that is not primary, the same from 13.2 to 15.1: there is no other sign of it, and other words say
nothing of the role."""


def can_be_asked(here: Transport, remoteaddr: str) -> bool:
    """Whether hastd of the other node can be asked at all: from the node itself, and under an IP address."""
    return here.machine is not None and address_of(remoteaddr) != ""


def ask(here: Transport, remoteaddr: str, resource: str) -> Role | None:
    """What hastd at a `remote` of hast.conf says of its role; None where it cannot be asked, does not answer, or says
    something else. Raises nothing."""
    match, address = re.fullmatch(REMOTE, remoteaddr), address_of(remoteaddr)
    if here.machine is None or not match or not address:
        return None
    message = request(resource, os.urandom(TOKEN_SIZE))
    return answered(here.machine.answers(address, int(match["port"] or PORT), message, LARGEST, SECONDS))


def request(resource: str, token: bytes) -> bytes:
    """What a primary sends for its second connection (primary.c, init_remote()), with this token."""
    pairs = (
        (STRING, b"resource", resource.encode() + b"\0"),
        (UINT8, b"version", bytes([VERSION])),
        (UINT8_ARRAY, b"token", token),
    )
    message = b"".join(_pair(kind, name + b"\0", value) for kind, name, value in pairs)
    return HEADER.pack(VERSION, len(message)) + message


def _pair(kind: int, name: bytes, value: bytes) -> bytes:
    return PAIR.pack(kind, len(name), len(value)) + _filled(name) + _filled(value)


def _filled(text: bytes) -> bytes:
    return text + bytes(-len(text) % ALIGNED)


def answered(answer: bytes) -> Role | None:
    """The role that an answer tells of; None for one that is cut off, invalid, or tells of none."""
    try:
        pairs = dict(_pairs(answer))
    except (ValueError, struct.error):
        return None
    if "errmsg" not in pairs:
        return None
    return Role.PRIMARY if "wait" in pairs else REFUSALS.get(pairs["errmsg"].removesuffix(b"\0"))


def _pairs(message: bytes) -> Iterator[tuple[str, bytes]]:
    """The names and values of a message. Raises ValueError, struct.error."""
    _, size = HEADER.unpack_from(message)
    if size != len(message) - HEADER.size:
        raise ValueError("cut off, or more than the header says")
    at = HEADER.size
    while at < len(message):
        _, name_size, size = PAIR.unpack_from(message, at)
        name_at = at + PAIR.size
        value_at = name_at + name_size + -name_size % ALIGNED
        at = value_at + size + -size % ALIGNED
        if not name_size or at > len(message):
            raise ValueError("a name or a value goes beyond the end")
        yield message[name_at : name_at + name_size - 1].decode("ascii"), message[value_at : value_at + size]
