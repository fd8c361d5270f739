"""The journal: what was done, why, on which evidence, with what result. One JSON line each, and one line of syslog.

An entry never stops the action that it is about: where the file can't be written, syslog still has the line and says
so. Reading is `journal_reading`'s.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from checks.plugin.text import plain
from checks.probes.timestamps import since_1970, utc_milliseconds
from remediate.state.store import StateNotKept, Store
from remediate.timing import Timing

NAME = "journal.jsonl"
TAG = "hastwatch"
LONGEST_LINE = 900
"""Bytes of a syslog line, below the 1024 of RFC 3164 with what syslogd(8) puts in front."""
LONGEST_TEXT, MOST_EVIDENCE = 2000, 40
"""Characters of one text and pieces of evidence in an entry; what is longer is cut, and says so."""


class JournalLevel(enum.IntEnum):
    """How grave an entry is; the numbers are those of syslog(3)."""

    ALERT = 1
    CRIT = 2
    ERR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG = JournalLevel


class JournalEntry(NamedTuple):
    """One entry. `time` in seconds since 1970, `boot` the node's boot, `run` the convergence it belongs to, `seconds`
    what the step took."""

    time: float
    boot: str
    node: str
    pid: int
    run: str
    event: str
    resource: str
    step: str
    why: str
    evidence: tuple[str, ...]
    result: str
    seconds: float | None
    severity: JournalLevel
    processes: int | None = None
    """How many processes the step has started."""

    def line(self) -> str:
        """The entry as JSON, without an end of line; pure ASCII."""
        import json

        values = {**self._asdict(), "time": utc_milliseconds(self.time), "severity": self.severity.name.lower()}
        return json.dumps(values, allow_nan=False)

    @property
    def took(self) -> str:
        """What the step took, for people; empty where that is not known."""
        words = [] if self.seconds is None else [f"{self.seconds:.1f} s"]
        words += [] if self.processes is None else [f"{self.processes} process{'' if self.processes == 1 else 'es'}"]
        return ", ".join(words)

    def sentence(self) -> str:
        """The entry for humans, as syslog has it: `home: step mount: why - result (0.4 s) [evidence]`."""
        about = " ".join(filter(None, [f"{self.resource}:" if self.resource else "", self.event, self.step]))
        text = f"{about}: {self.why}" if self.why else about
        text += f" - {self.result}" if self.result else ""
        text += f" ({self.took})" if self.took else ""
        return f"{text} [{'; '.join(self.evidence)}]" if self.evidence else text


def parse(line: str) -> JournalEntry:
    """An entry out of its line. Raises ValueError."""
    import json

    try:
        values = json.loads(line)
        texts = {name: values[name] for name in ("boot", "node", "run", "event", "resource", "step", "why", "result")}
        evidence, seconds, pid = values["evidence"], values["seconds"], values["pid"]
        if not all(isinstance(text, str) for text in (*texts.values(), *evidence)) or not isinstance(evidence, list):
            raise ValueError("what has to be text is none")
        return JournalEntry(
            time=since_1970(values["time"]),
            pid=int(pid),
            evidence=tuple(evidence),
            seconds=None if seconds is None else float(seconds),
            processes=None if values.get("processes") is None else int(values["processes"]),
            severity=JournalLevel[values["severity"].upper()],
            **texts,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"no entry of the journal: {line.strip()[:160]!r}") from None


class Journal:
    """The journal of a node. `syslog` takes a level of syslog(3) and one line, `boot` is the node's boot id."""

    def __init__(
        self,
        path: str,
        node_name: str,
        timing: Timing,
        syslog: Callable[[int, str], None],
        boot: str | Callable[[], str] = "",
    ) -> None:
        self.path = os.path.abspath(path)
        self.node_name = node_name
        self._timing, self._syslog, self._boot = timing, syslog, boot

    def entry(
        self,
        event: str,
        *,
        why: str = "",
        resource: str = "",
        step: str = "",
        evidence: Iterable[str] = (),
        result: str = "",
        seconds: float | None = None,
        processes: int | None = None,
        severity: JournalLevel = INFO,
        run: str = "",
    ) -> JournalEntry:
        """Make an entry, on the disk and in syslog when this returns. Raises nothing where it cannot be kept."""
        record = JournalEntry(
            time=self._timing.wall(),
            boot=self._boot if isinstance(self._boot, str) else self._boot(),
            node=self.node_name,
            pid=os.getpid(),
            run=run,
            event=event,
            resource=resource,
            step=step,
            why=_shortened(why),
            evidence=_bounded(evidence),
            result=_shortened(result),
            seconds=None if seconds is None else round(seconds, 3),
            processes=processes,
            severity=severity,
        )
        trouble = ""
        try:
            self._keep(record.line())
        except StateNotKept as error:
            trouble = f" (journal not written: {error.why})"
        self._syslog(int(severity), one_line(record.sentence(), trouble))
        return record

    def _keep(self, line: str) -> None:
        """Append to the file. Raises StateNotKept."""
        Store(os.path.dirname(self.path)).append(os.path.basename(self.path), line)


def one_line(text: str, ending: str = "") -> str:
    """Both as one printable line of at most LONGEST_LINE bytes of UTF-8; what is too long is cut before `ending`."""
    ending = plain(ending)
    room = LONGEST_LINE - len(ending.encode())
    raw = plain(text, LONGEST_LINE * 2).encode()
    return raw.decode() + ending if len(raw) <= room else raw[: room - 3].decode(errors="ignore") + "..." + ending


def system_syslog(level: int, line: str) -> None:
    """This machine's syslog, facility daemon (syslog(3)); a syslogd(8) that doesn't run is no error."""
    import syslog

    syslog.openlog(TAG, syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(level, line)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 3] + "..."


def _bounded(evidence: Iterable[str]) -> tuple[str, ...]:
    pieces = [_shortened(piece) for piece in evidence]
    more = len(pieces) - MOST_EVIDENCE
    return tuple(pieces) if more <= 0 else (*pieces[:MOST_EVIDENCE], f"and {more} more")
