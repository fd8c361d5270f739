"""Every check result that a real Icinga takes, as it tells it on its event stream, so what came twice is seen.

Icinga 2.13 tells of what happened every 5 s: where only the number counts, `taken` is quicker.
"""

from __future__ import annotations

import json
import threading
from functools import partial
from types import TracebackType

import requests

from tests.engines.icinga_daemon import IcingaDaemon
from tests.waiting import awaited

MARKER = "marker"
"""A service of nfs001 whose results show that the stream runs, and that all before them were told."""


def taken(icinga: IcingaDaemon, service: str = "check_thing") -> int:
    """How many results a service has taken since the start, where all are CRITICAL: the first one is attempt 2 of many,
    and each further one counts on."""
    attempt = icinga.service("nfs001", service)["check_attempt"]
    assert isinstance(attempt, int)
    return attempt - 1


class EventStream:
    """Listens as long as it lasts. Results of active checks and of the marker are left out."""

    def __init__(self, icinga: IcingaDaemon) -> None:
        self._icinga = icinga
        self._results: list[tuple[str, int, str]] = []
        self._markers: set[str] = set()
        self._number = 0
        self._response: requests.Response | None = None
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> EventStream:
        self._thread.start()
        self._marked()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The stream ends with the daemon, or with the test."""

    def results(self) -> list[tuple[str, int, str]]:
        """Service, state and output of all results up to now."""
        self._marked()
        return list(self._results)

    def _marked(self) -> None:
        """Submit a marker until it is heard."""
        for _ in range(5):
            self._number += 1
            output = f"{id(self)} {self._number}"
            self._icinga.post(
                "actions/process-check-result",
                {"type": "Service", "service": f"nfs001!{MARKER}", "exit_status": 0, "plugin_output": output},
            )
            if awaited(partial(self._markers.__contains__, output), 6):
                return
        raise RuntimeError("the event stream is silent")

    def _listen(self) -> None:
        with requests.post(
            f"{self._icinga.url}/v1/events",
            data=json.dumps({"types": ["CheckResult"], "queue": f"heard-{id(self)}"}),
            auth=(self._icinga.USER, self._icinga.PASSWORD),
            verify=str(self._icinga.ca),
            headers={"Accept": "application/json"},
            stream=True,
            timeout=(10, 600),
        ) as response:
            try:
                for line in response.iter_lines(chunk_size=1):
                    self._take(json.loads(line))
            except requests.RequestException:
                return  # the daemon was stopped

    def _take(self, event: dict[str, object]) -> None:
        result = event["check_result"]
        assert isinstance(result, dict)
        service, output = str(event["service"]), str(result["output"])
        if service == MARKER:
            self._markers.add(output)
        else:
            self._results.append((service, int(result["state"]), output))
