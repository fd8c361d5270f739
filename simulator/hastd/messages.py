"""Messages of the replication's handshake: pairs of names and values behind a header (nv.c, hast_proto.c)."""

from __future__ import annotations

import struct

UINT8, STRING = 2, 17
"""NV_TYPE_UINT8, NV_TYPE_STRING."""
VERSION = 2
"""HAST_PROTO_VERSION."""


def unpacked(message: bytes) -> dict[str, bytes]:
    """The values by their names. Raises ValueError where hast_proto_recv_hdr() fails."""
    version, size = struct.unpack_from("<BI", message) if len(message) >= 5 else (VERSION + 1, 0)
    rest = message[5 : 5 + size]
    if version > VERSION or len(rest) < size:
        raise ValueError("no header of a version that is known, or less than it says")
    values = {}
    while rest and rest[0]:
        if len(rest) < 8:
            raise ValueError("less than a pair")
        _, named, valued = struct.unpack_from("<BBI", rest)
        value_at = 6 + _rounded(named)
        name, value = rest[6 : 6 + named], rest[value_at : value_at + valued]
        if not name.endswith(b"\0") or not valued or len(value) < valued:
            raise ValueError("less than its sizes say")
        values[name[:-1].decode()] = value
        rest = rest[value_at + _rounded(valued) :]
    return values


def refusal(words: str, waits: bool = False) -> bytes:
    """The answer to a connection that is not wanted; `waits`: nor is it given up."""
    pairs = _pair(STRING, "errmsg", words.encode() + b"\0") + (_pair(UINT8, "wait", b"\1") if waits else b"")
    return struct.pack("<BI", VERSION, len(pairs)) + pairs


def _pair(kind: int, name: str, value: bytes) -> bytes:
    head = struct.pack("<BBI", kind, len(name) + 1, len(value))
    return head + name.encode().ljust(_rounded(len(name) + 1), b"\0") + value.ljust(_rounded(len(value)), b"\0")


def _rounded(size: int) -> int:
    """roundup2(size, 8)."""
    return (size + 7) // 8 * 8
