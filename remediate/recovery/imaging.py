"""The losing copy as it lies on the disk, for what cannot be mounted: the data area behind HAST's metadata, gzip."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from typing import IO, cast

from checks.plugin.text import say_size
from checks.probes.hast import Metadata
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.resource import ResourcePlace
from remediate.recovery import readonly, targets
from remediate.recovery.readonly import Area
from remediate.recovery.targets import BLOCK, IMAGE, MANIFEST, BoundedSource, SalvageTarget, Source
from remediate.state.journal import ERR, NOTICE

LEVEL = 1
"""gzip(1), -1: free space is mostly zeros, and the disk is to stay the slowest part."""
SPARE = 1.1
MANIFEST_SIZE = 64 << 10
"""Bytes at most of the manifest of an image."""
SAY_EVERY = 1 << 30
"""Bytes between two words about how far it is."""


def image(
    context: Context,
    place: ResourcePlace,
    metadata: Metadata,
    where: str,
    incident: str,
    watch: Callable[[str], None] = lambda _: None,
    ssh: tuple[str, ...] | None = None,
) -> str:
    """Keep the whole data area of this node's copy and read it back; a sentence that says where it is. This is done by
    this process, so on the node itself. Room for all of it is asked for, however small it becomes. Raises StepFailed,
    ProbeError."""
    area = readonly.area(context, place, metadata)
    target = targets.target(where, targets.name_of(place.name, f"{incident}.image"), ssh)
    try:
        image = image_of(area, target, {"resource": place.name, "incident": incident}, watch)
    except StepFailed as error:
        context.journal.entry("image", resource=place.name, why=incident, result=f"failed: {error}", severity=ERR)
        raise
    context.journal.entry("image", resource=place.name, why=incident, result=image, severity=NOTICE)
    return image


def image_of(area: Area, target: SalvageTarget, about: dict[str, str], watch: Callable[[str], None]) -> str:
    """The same of an area of a disk. A finished image is taken as it is where it is still that of the disk, and one of
    another state is left alone. Raises StepFailed."""
    free = target.room()
    if target.complete():
        _refuse_another(area, target, watch)
    else:
        if area.size * SPARE > free:
            raise StepFailed(f"{target.where}: {say_size(area.size * SPARE)} are needed, {say_size(free)} are free")
        try:
            target.begin()
            _write(area, target, about, watch)
        except StepFailed:
            target.discard()
            raise
    _verify(area, target, watch)
    return f"an image of {say_size(area.size)} of {area.local}, read back and found equal, at {target.where}"


def _write(area: Area, target: SalvageTarget, about: dict[str, str], watch: Callable[[str], None]) -> None:
    digest = hashlib.sha256()
    with (
        target.writing(IMAGE) as sink,
        gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=cast("IO[bytes]", sink), mtime=0) as packed,
    ):
        for chunk in _said(_read(area), area.size, "kept", watch):
            digest.update(chunk)
            packed.write(chunk)
    values = {"version": 1, **about, **area._asdict(), "sha256": digest.hexdigest()}
    with target.writing(MANIFEST) as sink:
        sink.write(json.dumps(values).encode() + b"\n")


def _read(area: Area) -> Iterator[bytes]:
    """In pieces that begin and end on sectors, as a disk wants it. Raises StepFailed."""
    left, offset = area.size, area.offset
    try:
        file = os.open(area.local, os.O_RDONLY)
        try:
            while left:
                chunk = os.pread(file, min(BLOCK, left), offset)
                if not chunk:
                    raise StepFailed(f"{area.local} ends {left} bytes too early")
                yield chunk
                left, offset = left - len(chunk), offset + len(chunk)
        finally:
            os.close(file)
    except OSError as error:
        raise StepFailed(f"{area.local} cannot be read: {error.strerror}") from None


def _refuse_another(area: Area, target: SalvageTarget, watch: Callable[[str], None]) -> None:
    """Raise StepFailed where the disk has changed since its image was made."""
    digest = hashlib.sha256()
    for chunk in _said(_read(area), area.size, "compared with the image that is there", watch):
        digest.update(chunk)
    if (area.size, digest.hexdigest()) != _kept(target):
        raise StepFailed(f"{target.where} holds an image of another state of {area.local}: keep this one elsewhere")


def _kept(target: SalvageTarget) -> tuple[int, str]:
    """Size and SHA-256 of the image by its manifest. Raises StepFailed."""
    with target.reading(MANIFEST) as source:
        raw = BoundedSource(source, MANIFEST_SIZE, target.where).read()
    try:
        values = json.loads(raw)
        return int(values["size"]), str(values["sha256"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise StepFailed(f"{target.where}: its manifest is not one") from None


def _verify(area: Area, target: SalvageTarget, watch: Callable[[str], None]) -> None:
    """Read the image back. Raises StepFailed."""
    size, sha256 = _kept(target)
    digest, read = hashlib.sha256(), 0
    try:
        with (
            target.reading(IMAGE) as source,
            gzip.GzipFile(mode="rb", fileobj=cast("IO[bytes]", _bounded(source, area, target))) as packed,
        ):
            for chunk in _said(iter(lambda: packed.read(BLOCK), b""), area.size, "read back", watch):
                digest.update(chunk)
                read += len(chunk)
                if read > area.size:
                    break
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]  # what gzip itself raises
        raise StepFailed(f"{target.where}: the image cannot be read back: {error}") from None
    if (read, digest.hexdigest()) != (size, sha256) or size != area.size:
        raise StepFailed(f"{target.where}: the image is not what was kept")


def _bounded(source: Source, area: Area, target: SalvageTarget) -> BoundedSource:
    """As much as gzip(1) makes of an area at most: a few bytes more for each block than there was (RFC 1951, 3.2.4)."""
    return BoundedSource(source, area.size + area.size // 1000 + MANIFEST_SIZE, target.where)


def _said(chunks: Iterator[bytes], total: int, what: str, watch: Callable[[str], None]) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        before, done = done, done + len(chunk)
        if done // SAY_EVERY != before // SAY_EVERY:
            watch(f"{say_size(done)} of {say_size(total)} {what}")
        yield chunk
