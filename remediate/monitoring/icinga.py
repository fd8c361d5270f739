"""Icinga 2's REST API: passive results, and what is told after a repair.

A user of the API needs `actions/process-check-result`, and `objects/query/Service` so that a result whose answer was
lost is not sent twice; after a repair `actions/add-comment`, `actions/acknowledge-problem` and
`actions/schedule-downtime`, as far as `[icinga] on_repair` names them. A missing permission, an unknown host and an
unknown service are one and the same 404 there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from checks.plugin.config import ConfigError
from checks.plugin.text import plain
from remediate.monitoring import credentials
from remediate.monitoring.answer import Disposition, ReceiverAnswer
from remediate.monitoring.result import CheckResult
from remediate.monitoring.submission import IcingaSettings as Settings
from remediate.monitoring.web import SHOWN, HttpReply, Web

JSON = "application/json"
SAME = 0.0005
"""Seconds: times are whole milliseconds on both sides."""
NO_SUCH_PATH = "requested path"
"""What Icinga says of an address that is not its API's; another web server does not answer with JSON."""
NOT_FOUND = "no service {whose}, or the user {user} may not submit (actions/process-check-result)"
MEANINGS = (
    (200, Disposition.TAKEN, False, "taken"),
    (400, Disposition.REFUSED, False, "it does not understand the result: {words}"),
    (401, Disposition.LOCKED, True, "user or password is wrong (`[icinga] credentials`)"),
    (403, Disposition.LOCKED, True, "the user {user} may not submit (actions/process-check-result)"),
    (404, Disposition.REFUSED, False, NOT_FOUND),
    (409, Disposition.TAKEN, False, "it has a newer result of {whose} already"),
    (429, Disposition.LATER, True, "too many requests"),
    (500, Disposition.LATER, False, "{words}"),
    (503, Disposition.LATER, True, "it is not ready: {words}"),
)
"""What a status of HTTP means: the fate of the result, whether the next one would fare the same, and the words."""


class Icinga:
    """The API, as configured. Raises ConfigError."""

    def __init__(self, settings: Settings) -> None:
        if not settings.url or not settings.credentials:
            raise ConfigError("`icinga.url` and `icinga.credentials` are needed in the configuration")
        login = credentials.read(settings.credentials)
        if not login.user or not login.password:
            raise ConfigError(f"{settings.credentials}: `user` and `password` are needed")
        self.name = settings.url
        self.user = login.user
        self._web = Web(settings.url, settings.ca, (login.user, login.password))

    most_together = 1
    """process-check-result has one result; a filter in it would give the same one to several services. The connection
    is kept."""

    def send(self, result: CheckResult) -> ReceiverAnswer:
        """Submit it once (actions/process-check-result)."""
        text = f"{result.output}\n{result.long_output}" if result.long_output else result.output
        reply = self.post(
            "process-check-result",
            {
                "type": "Service",
                "service": result.whose,
                "exit_status": result.status,
                "plugin_output": text,
                "performance_data": list(result.perfdata),
                "check_source": result.source,
                "execution_start": result.started,
                "execution_end": result.ended,
                **({"ttl": result.ttl} if result.ttl else {}),
            },
        )
        return reply if isinstance(reply, ReceiverAnswer) else meaning(reply, result.whose, self.user)

    def send_together(self, results: Sequence[CheckResult]) -> bool:
        """It takes one at a time."""
        return False

    def already_has(self, result: CheckResult) -> bool:
        """Whether the service's last result is this one, or one of a later check."""
        objects = self._web.get(f"/v1/objects/services/{quote(result.whose, safe='')}", {"attrs": "last_check_result"})
        if isinstance(objects, ReceiverAnswer) or objects.status != 200:
            return False
        try:
            last = objects.values["results"][0]["attrs"]["last_check_result"]  # type: ignore[index]  # checked by except
            started = float(last["execution_start"])
            same = abs(started - result.started) < SAME and abs(float(last["execution_end"]) - result.ended) < SAME
        except (KeyError, IndexError, TypeError, ValueError):
            return False  # it has none yet
        return same or started > result.started + SAME

    def post(self, action: str, body: Mapping[str, object]) -> HttpReply | ReceiverAnswer:
        """POST to an action; what came back, or the fate where nothing did."""
        return self._web.post(f"/v1/actions/{action}", json.dumps(dict(body)).encode(), JSON)


def meaning(reply: HttpReply, whose: str, user: str) -> ReceiverAnswer:
    """The fate that an answer of the API means, by `MEANINGS`; what it doesn't have needs an operator to look at."""
    status, words = reply.status, plain(_words(reply), SHOWN)
    foreign = (status in (200, 404) and not reply.values) or (status == 404 and NO_SUCH_PATH in words)
    for known, fate, everyone, says in MEANINGS:
        if status == known and not foreign:
            return ReceiverAnswer(fate, says.format(words=words, whose=whose, user=user), everyone)
    if 500 <= status <= 599:
        return ReceiverAnswer(Disposition.LATER, f"HTTP {status}: {words}", everyone=True)
    return ReceiverAnswer(
        Disposition.LOCKED, f"HTTP {status}, which is not Icinga's: {words}: is `url` that of its API?", True
    )


def _words(reply: HttpReply) -> str:
    """Its own sentence: `status`, at the top or in the first of the results."""
    values = reply.values
    results = values.get("results")
    if isinstance(results, list) and results and isinstance(results[0], dict):
        values = results[0]
    return str(values.get("status") or reply.words)
