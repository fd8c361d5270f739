"""NRDP, the web front of Nagios for passive results (submitcheck, JSON, NRDP 2).

It answers HTTP 200 whatever it thinks of a request: the status is in the body, 0 or -1 with a word in capitals
(NRDP's constants.inc.php). It cannot be asked what it has: a result whose answer was lost is sent again, and the time
of a result is not told, which NRDP would take for history that bypasses Nagios. So the last one sent is the state.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import urlencode

from checks.plugin.config import ConfigError
from checks.plugin.text import plain
from remediate.monitoring import credentials
from remediate.monitoring.answer import Disposition, ReceiverAnswer
from remediate.monitoring.nagios_text import nagios_text
from remediate.monitoring.result import CheckResult
from remediate.monitoring.submission import NrdpSettings as Settings
from remediate.monitoring.web import SHOWN, HttpReply, Web

FORM = "application/x-www-form-urlencoded"
REFUSALS = (
    (
        ("BAD TOKEN", "NO TOKEN", "NO TOKENS", "DENIED TOKEN"),
        Disposition.LOCKED,
        "the token is wrong (`[nrdp] credentials`)",
    ),
    (
        ("BAD_USER", "NOT AUTHENTICATED"),
        Disposition.LOCKED,
        "it wants a user that it knows: NRDP's `require_basic_auth`",
    ),
    (
        ("HTTPS REQUIRED", "NOT ENABLED", "COMMANDS DISABLED", "NO COMMAND"),
        Disposition.LOCKED,
        "its setup does not allow it",
    ),
    (("BAD JSON", "BAD XML", "NO DATA"), Disposition.REFUSED, "it does not understand the result"),
    (
        ("NO CHECK RESULTS DIR", "BAD CHECK RESULTS DIR", "WRITE ERROR", "CANNOT OPEN TEMP FILE"),
        Disposition.LATER,
        "it cannot hand results to Nagios",
    ),
)
"""The words of a refusal, the fate of the result, and what is said. A word that is not here needs an operator."""


class Nrdp:
    """NRDP, as configured. Raises ConfigError."""

    def __init__(self, settings: Settings) -> None:
        if not settings.url or not settings.credentials:
            raise ConfigError("`nrdp.url` and `nrdp.credentials` are needed in the configuration")
        self._token = credentials.read(settings.credentials).token
        if not self._token:
            raise ConfigError(f"{settings.credentials}: `token` is needed")
        self.name = settings.url
        self._web = Web(settings.url, settings.ca)

    most_together = 100
    """A result is 4 KB at most (`nagios_text`): well below PHP's `post_max_size`, 8 MB."""

    def send(self, result: CheckResult) -> ReceiverAnswer:
        """Submit it once."""
        return self._submitted([result])

    def send_together(self, results: Sequence[CheckResult]) -> bool:
        """Submit them in one POST, once; whether all were taken."""
        return self._submitted(results).fate is Disposition.TAKEN

    def _submitted(self, results: Sequence[CheckResult]) -> ReceiverAnswer:
        values = [
            {
                "checkresult": {"type": "service", "checktype": "1"},
                "hostname": result.host,
                "servicename": result.service,
                "state": str(result.status),
                "output": nagios_text(result),
            }
            for result in results
        ]
        form = {"token": self._token, "cmd": "submitcheck", "JSONDATA": json.dumps({"checkresults": values})}
        reply = self._web.post("/", urlencode(form).encode(), FORM)
        return reply if isinstance(reply, ReceiverAnswer) else meaning(reply)

    def already_has(self, result: CheckResult) -> bool:
        """It can't be asked."""
        return False


def meaning(reply: HttpReply) -> ReceiverAnswer:
    """The fate that an answer of NRDP means."""
    if 500 <= reply.status <= 599:
        return ReceiverAnswer(Disposition.LATER, f"HTTP {reply.status}: {reply.words}", everyone=True)
    result = reply.values.get("result")
    if reply.status != 200 or not isinstance(result, dict):
        return ReceiverAnswer(Disposition.LOCKED,
            f"HTTP {reply.status}, which is not NRDP's: {reply.words}: is `url` that of NRDP 2?",
                      everyone=True)  # fmt: skip
    if str(result.get("status")) == "0":
        return ReceiverAnswer(Disposition.TAKEN, "taken")
    word = str(result.get("message", "")).strip()
    for words, fate, says in REFUSALS:
        if word.upper() in words:
            return ReceiverAnswer(fate, f"{says}: {word}", everyone=fate is not Disposition.REFUSED)
    return ReceiverAnswer(Disposition.LOCKED, f"it refuses: {plain(word, SHOWN) or reply.words}", everyone=True)
