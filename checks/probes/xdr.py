"""XDR (RFC 4506): what is sent is bytes, what is received is read from the front with every length checked."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from checks.probes.rpc_errors import Garbage

ENTRIES_MAX = 10_000  # entries of one linked list; ours, against lists that never end


def uint(*numbers: int) -> bytes:
    """Unsigned integers in XDR (RFC 4506 4.2)."""
    return struct.pack(f">{len(numbers)}I", *numbers)


def opaque(octets: bytes) -> bytes:
    """Variable-length opaque or string in XDR, padded to four octets (RFC 4506 4.10, 4.11)."""
    return uint(len(octets)) + octets + bytes(-len(octets) % 4)


class Xdr:
    """Reads XDR (RFC 4506) from the front of an answer. What doesn't fit raises Garbage; a surplus is ignored."""

    def __init__(self, octets: bytes, call: str) -> None:
        self.octets, self.call, self.offset = octets, call, 0

    def garbage(self, reason: str) -> Garbage:
        """The error for an answer that was decoded and makes no sense."""
        return Garbage(self.call, f"an answer that was not understood: {reason}")

    def fixed(self, size: int) -> bytes:
        """Fixed-length opaque (4.9)."""
        end = self.offset + size + (-size % 4)
        if end > len(self.octets):
            raise self.garbage(f"cut off after {len(self.octets)} octets, where at least {end} belong")
        octets = self.octets[self.offset : self.offset + size]
        self.offset = end
        return octets

    def uint(self) -> int:
        """Unsigned integer or enumeration (4.2, 4.3)."""
        return int.from_bytes(self.fixed(4), "big")

    def uhyper(self) -> int:
        """Unsigned hyper integer (4.5)."""
        return int.from_bytes(self.fixed(8), "big")

    def boolean(self) -> bool:
        """Boolean (4.4)."""
        number = self.uint()
        if number > 1:
            raise self.garbage(f"{number} where a boolean belongs")
        return bool(number)

    def opaque(self, limit: int) -> bytes:
        """Variable-length opaque of at most `limit` octets (4.10)."""
        size = self.uint()
        if size > limit:
            raise self.garbage(f"{size} octets where at most {limit} belong")
        return self.fixed(size)

    def string(self, limit: int) -> str:
        r"""String (4.11) as text: octets that aren't UTF-8 become ``\xNN``, control characters stay as they are."""
        return self.opaque(limit).decode("utf-8", "backslashreplace")

    def linked_list(self) -> Iterator[int]:
        """Counts through the entries of a list of optional-data (4.19); the caller reads each entry's content."""
        count = 0
        while self.boolean():
            count += 1
            if count > ENTRIES_MAX:
                raise self.garbage(f"a list of more than {ENTRIES_MAX} entries")
            yield count
