"""What `hastwatch` prints when standard output takes no more: a full device, or a reader such as head(1) that has gone.

One place for all subcommands. What a subcommand does goes on to its end where it prints only then; what it prints is
one error line less, never a traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO, cast

from remediate.exits import NOT_PRINTED


class NotPrinted(Exception):
    """Standard output takes no more."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.nobody_reads = isinstance(error, BrokenPipeError)


class _Output:
    """Standard output whose errors are told from those of a subcommand's work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            raise NotPrinted(error) from None

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            raise NotPrinted(error) from None

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def printed(call: Callable[[], int]) -> int:
    """The exit status of a call, or NOT_PRINTED where standard output did not take what it printed: said in one line,
    but not where nobody reads any more. Raises what the call raises."""
    stream: TextIO | None = sys.stdout
    if stream is None:  # closed by the caller (`>&-`), who wants to read nothing
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it is the process's standard output
        return call()
    sys.stdout = output = cast(TextIO, _Output(stream))
    try:
        try:
            return call()
        finally:
            output.flush()
    except NotPrinted as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # nothing is left to fail when Python ends
        if not error.nobody_reads:
            sys.stderr.write(f"hastwatch: standard output: {error}\n")
        return NOT_PRINTED
    finally:
        sys.stdout = stream
