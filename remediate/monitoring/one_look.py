"""One look at a node, as check_hast_pair takes it, as the results of the services of its checks.

It is a process of its own, which speaks within its time whatever hangs. What it did not say of a check is UNKNOWN.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from checks.plugin.finding import Severity
from checks.probes.errors import ProbeError
from checks.probes.process import run
from checks.registry import OF_SERVICE
from remediate.monitoring.result import CheckResult, ObjectNames, plugin, result_of
from remediate.timing import Timing

OUTPUT_LIMIT = 1 << 23
"""Bytes: the object has the evidence of all checks."""

Said = tuple[int, str]
"""Exit status and output of a check."""


def results(
    argv: tuple[str, ...], names: Sequence[ObjectNames], seconds: float, ttl: float, timing: Timing
) -> list[CheckResult]:
    """Run the look, so many seconds at most; a result for each check that watches the service, in their order, which is
    that of `names`. Raises nothing."""
    started = timing.wall()
    answers, why = _said((plugin(argv[0]), *argv[1:], "--json"), timing.now() + seconds)
    unknown = Severity.UNKNOWN.value, f"UNKNOWN - the look at the node was not taken to its end: {why}"
    times = started, timing.wall()
    return [
        result_of(name, check.name, answers.get(check.name, unknown), times, ttl)
        for check, name in zip(OF_SERVICE, names, strict=True)
    ]


def _said(argv: tuple[str, ...], ends: float) -> tuple[dict[str, Said], str]:
    """What each check said, and why there is nothing of one that is not there."""
    try:
        done = run(argv, ends, OUTPUT_LIMIT, shown=argv[0])
    except ProbeError as error:
        return {}, str(error)
    try:
        checks = json.loads(done.stdout)["checks"]
        return dict(map(_of_check, checks)), "its check has said nothing"
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}, done.words


def _of_check(values: dict[str, object]) -> tuple[str, Said]:
    """Raises KeyError, TypeError, ValueError."""
    name, status, output, further = (values[key] for key in ("check", "exit_status", "output", "long_output"))
    if not isinstance(name, str) or not isinstance(output, str) or not isinstance(further, list):
        raise TypeError("no report of a check")
    return name, (Severity(status).value, "\n".join([output, *map(str, further)]))
