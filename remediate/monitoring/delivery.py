"""Emptying the spool: in order, a few times at once, and never twice what can be asked for.

One process at a time sends (flock), so two never send the same result. The results of one service are sent in the
order in which they were put there, because to most servers the last one that arrives is the state. A result whose own
time (`ttl`) is over says nothing of now: it is dropped, and said. What a killed process, or an answer that did not
come, left behind may have arrived: the server is asked first, where it can be.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

from checks.plugin.text import say_count
from remediate.monitoring.answer import Disposition, Receiver, ReceiverAnswer
from remediate.monitoring.result import CheckResult
from remediate.monitoring.spool import Spool, SpoolError, whose
from remediate.state.store import StateError
from remediate.timing import Timing

BACK_OFF = (0.5, 1.5)
"""Seconds between the attempts to send one result in one call."""
ATTEMPTS_END = 5.0
"""Seconds after the first attempt from which on there is no other one in this call."""
LOCK_WAIT = 15.0
"""Seconds to wait for another process that sends; it takes along what was put in the spool meanwhile."""
PORTION = 200
"""Results of one delivery, where there are more."""
LONGEST = 60.0
"""Seconds of one delivery, whatever a server does."""


class DeliveryReport(NamedTuple):
    """What became of the results: those of this call by `fates` (in their order, TAKEN, REFUSED, or waiting), how many
    results were taken in all, how many wait, and what an operator should know."""

    fates: tuple[Disposition, ...]
    taken: int
    waiting: int
    says: tuple[str, ...]
    kept: bool = True
    """False: neither taken nor in the spool."""


class _TimeIsOver(Exception):
    """LONGEST is over."""


class _Run:
    """One delivery."""

    def __init__(self, spool: Spool, receiver: Receiver, timing: Timing, own: list[str]) -> None:
        self.spool, self.receiver, self.timing = spool, receiver, timing
        self.own = frozenset(own)
        self.taken = 0
        self.says: list[str] = []
        self.fates: dict[str, Disposition] = {}
        self._not_asked_again: set[str] = set()

    def empty(self) -> None:
        """Send what waits, and what is put there meanwhile. Raises SpoolError."""
        tried: set[str] = set()
        blocked: set[str] = set()
        while True:
            names = [name for name in self.spool.names() if name not in tried]
            if not names:
                return
            self._together(names)
            for name in names:
                tried.add(name)
                if name in self.fates or whose(name) in blocked:
                    continue
                answer = self._one(name)
                if answer.fate in (Disposition.LATER, Disposition.LOCKED):
                    blocked.add(whose(name))
                    self._say(f"{self.receiver.name}: {answer.says}")
                    if answer.everyone:
                        return

    def _together(self, names: list[str]) -> None:
        """Send what can go in few calls; what was not taken so is sent by itself. The results of one service never go
        in one call, which says nothing of their order. Raises SpoolError."""
        if self.receiver.most_together < 2:
            return
        for begin in range(0, len(names), self.receiver.most_together):
            few = names[begin : begin + self.receiver.most_together]
            now = self.timing.wall()
            read = {name: result for name in few if (result := self.spool.read(name)) and not result.is_over(now)}
            if len(read) < max(len(few), 2) or len({whose(name) for name in few}) < len(few):
                return
            if not self.receiver.send_together(list(read.values())):
                return
            self.spool.remove(*read)
            self.taken += len(read)
            self.fates |= dict.fromkeys(read, Disposition.TAKEN)

    def _one(self, name: str) -> ReceiverAnswer:
        """One result of the spool, and what follows for its file."""
        result = self.spool.read(name)
        if result is None:
            self.spool.set_aside(name)
            self._say(f"not sent, because it cannot be read: {name} is set aside")
            return ReceiverAnswer(Disposition.REFUSED, "")
        if result.is_over(self.timing.wall()):
            self._say(f"not sent, because its time (ttl {result.ttl:g} s) is over: a result of {result.whose}")
            self.spool.remove(name)
            return self._noted(name, ReceiverAnswer(Disposition.REFUSED, ""))
        answer = self._fate(name, result)
        if answer.fate is Disposition.TAKEN:
            self.taken += 1
            self.spool.remove(name)
        if answer.fate is Disposition.REFUSED:
            self.spool.set_aside(name)
            self._say(f"{self.receiver.name}: {answer.says}: the result of {result.whose} is set aside")
        return self._noted(name, answer)

    def _fate(self, name: str, result: CheckResult) -> ReceiverAnswer:
        """What was there before this call may have been sent by it that put it there."""
        if name not in self.own and whose(name) not in self._not_asked_again:
            if self.receiver.already_has(result):
                return ReceiverAnswer(Disposition.TAKEN, "it arrived earlier, or a newer one did")
            self._not_asked_again.add(whose(name))
        return sent(self.receiver, result, self.timing)

    def _noted(self, name: str, answer: ReceiverAnswer) -> ReceiverAnswer:
        self.fates[name] = answer.fate
        return answer

    def _say(self, sentence: str) -> None:
        if sentence not in self.says:
            self.says.append(sentence)


def sent(receiver: Receiver, result: CheckResult, timing: Timing) -> ReceiverAnswer:
    """Send one result, a few times where that may help."""
    ends = timing.now() + ATTEMPTS_END
    answer = receiver.send(result)
    for wait in BACK_OFF:
        if answer.fate is not Disposition.LATER or timing.now() + wait > ends:
            break
        timing.sleep(wait)
        if answer.perhaps_arrived and receiver.already_has(result):
            return ReceiverAnswer(Disposition.TAKEN, "it had arrived")
        answer = receiver.send(result)
    return answer


def deliver(
    spool: Spool, receiver: Receiver, timing: Timing, results: list[CheckResult], longest: float = LONGEST
) -> DeliveryReport:
    """Put results into the spool and empty it, in `longest` seconds at most. Raises nothing: what could not be kept was
    tried to be sent at once."""
    own, loose, says = [], [], []
    for result, name in zip(results, spool.put_all(results), strict=True):
        if isinstance(name, SpoolError):
            loose.append(result)
            says.append(str(name))
        else:
            own.append(name)
    run = _Run(spool, receiver, timing, own)
    run.says += dict.fromkeys(says)
    fates: list[Disposition] = []
    try:
        with _at_most(longest):
            _empty(run)
            fates += [_loose(run, result) for result in loose]
    except _TimeIsOver:
        run.says.append(f"{receiver.name} was too slow: given up after {longest:g} s")
    fates += [Disposition.LATER] * (len(loose) - len(fates))
    everything = all(fate is Disposition.TAKEN for fate in fates)
    return DeliveryReport(tuple(_own_fate(run, name) for name in own) + tuple(fates), run.taken, _waiting(spool),
                     tuple(run.says), everything)  # fmt: skip


def deliver_all(spool: Spool, receiver: Receiver, timing: Timing, results: Sequence[CheckResult]) -> DeliveryReport:
    """The same for any number of results: never more of them are in the spool at once than it holds anyway, as long as
    they are taken. Raises nothing."""
    reports = [
        deliver(spool, receiver, timing, list(results[begin : begin + PORTION]))
        for begin in range(0, len(results), PORTION)
    ] or [deliver(spool, receiver, timing, [])]
    says = dict.fromkeys(sentence for report in reports for sentence in report.says)
    fates = [fate for report in reports for fate in report.fates]
    taken = sum(report.taken for report in reports)
    kept = all(report.kept for report in reports)
    return DeliveryReport(tuple(fates), taken, reports[-1].waiting, tuple(says), kept)


def _empty(run: _Run) -> None:
    try:
        run.says += run.spool.bound()
        lock = run.spool.lock("send", "sends results")
        if not lock.acquire(LOCK_WAIT):
            run.says.append(f"another process has been sending for {LOCK_WAIT:g} s: it takes along what waits")
            return
        with lock:
            run.empty()
    except (SpoolError, StateError) as error:
        run.says.append(str(error))


def _loose(run: _Run, result: CheckResult) -> Disposition:
    """A result that is nowhere but in this process."""
    answer = sent(run.receiver, result, run.timing)
    if answer.fate is Disposition.TAKEN:
        run.taken += 1
    else:
        run.says.append(f"{run.receiver.name}: {answer.says}")
    return answer.fate


def _own_fate(run: _Run, name: str) -> Disposition:
    """What this process did not send itself another one did, unless it still waits."""
    if name in run.fates:
        return run.fates[name]
    if run.spool.was_set_aside(name):
        return Disposition.REFUSED
    try:
        return Disposition.LATER if name in run.spool.names() else Disposition.TAKEN
    except SpoolError:
        return Disposition.LATER


def _waiting(spool: Spool) -> int:
    try:
        return len(spool.names())
    except SpoolError:
        return 0


def waiting_in_words(number: int) -> str:
    """`2 results wait in the spool`."""
    return f"{say_count(number, 'result')} {'waits' if number == 1 else 'wait'} in the spool"


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raises _TimeIsOver inside when the time is over (setitimer(2)): a server that sends a byte a second keeps every
    single read short. Nothing is lost by it: what was not taken is in the spool."""

    def over(number: int, frame: FrameType | None) -> None:
        raise _TimeIsOver

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
