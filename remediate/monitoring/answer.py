"""What becomes of a result that was sent: four fates, and the sentence that says why."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from remediate.monitoring.result import CheckResult


class Disposition(enum.Enum):
    """What is done with the result next."""

    TAKEN = "taken"
    """It arrived, or something newer did: it is removed from the spool."""
    REFUSED = "refused"
    """This result will never be taken: it is set aside, and the next one is sent."""
    LATER = "later"
    """It may be taken if it is sent again; a few times at once, then when the next result is submitted."""
    LOCKED = "locked"
    """Nothing will be taken until an operator mends something: it stays, and nothing else is tried now."""


class ReceiverAnswer(NamedTuple):
    """A result's fate. `everyone`: the next result would fare the same. `perhaps_arrived`: it was sent, and the answer
    did not come."""

    fate: Disposition
    says: str
    everyone: bool = False
    perhaps_arrived: bool = False


class Receiver(Protocol):
    """Where results go."""

    @property
    def name(self) -> str:
        """What to call it in a sentence."""

    def send(self, result: CheckResult) -> ReceiverAnswer:
        """Send it once."""

    @property
    def most_together(self) -> int:
        """How many results of as many services it takes in one call; 1 where each has a call of its own."""

    def send_together(self, results: Sequence[CheckResult]) -> bool:
        """Send several in one call, once; whether all were taken. Else each is sent by itself, which tells its fate."""

    def already_has(self, result: CheckResult) -> bool:
        """Whether it, or a newer one, is there already; False where that can't be asked."""
