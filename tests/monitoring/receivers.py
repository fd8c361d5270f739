"""A receiver whose answers a test says in advance, and that remembers what it was sent."""

from __future__ import annotations

from collections.abc import Sequence

from remediate.monitoring.answer import Disposition, ReceiverAnswer
from remediate.monitoring.result import CheckResult
from remediate.timing import Timing

TAKEN = ReceiverAnswer(Disposition.TAKEN, "taken")
AWAY = ReceiverAnswer(Disposition.LATER, "no connection", everyone=True)
LOST = ReceiverAnswer(Disposition.LATER, "no answer", everyone=True, perhaps_arrived=True)
BUSY = ReceiverAnswer(Disposition.LATER, "not this one now")
WRONG = ReceiverAnswer(Disposition.REFUSED, "no such service")
LOCKED = ReceiverAnswer(Disposition.LOCKED, "the password is wrong", everyone=True)


class Scripted:
    """Gives the answers in order, then TAKEN forever; `by_service` overrides both. `has` is what it can be asked."""

    name = "the server"
    most_together = 1

    def __init__(self, *answers: ReceiverAnswer, by_service: dict[str, ReceiverAnswer] | None = None) -> None:
        self.answers = list(answers)
        self.by_service = by_service or {}
        self.sent: list[str] = []
        self.asked: list[str] = []
        self.has: set[str] = set()
        self.together: list[list[str]] = []
        self.takes_together = True

    def send(self, result: CheckResult) -> ReceiverAnswer:
        self.sent.append(result.output)
        if result.service in self.by_service:
            return self.by_service[result.service]
        return self.answers.pop(0) if self.answers else TAKEN

    def send_together(self, results: Sequence[CheckResult]) -> bool:
        self.together.append([result.output for result in results])
        return self.takes_together

    def already_has(self, result: CheckResult) -> bool:
        self.asked.append(result.output)
        return result.output in self.has


class Skipping(Timing):
    """Waits that are over at once, and remembered."""

    def __init__(self, wall: float = 1.8e9) -> None:
        self.time, self.at, self.slept = 0.0, wall, list[float]()

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.at + self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
