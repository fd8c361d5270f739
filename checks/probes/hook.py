"""Whether an action of devd(8) runs the failover hook, for sh(1) and with the two arguments that it needs."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from checks.probes.devd_conf import DevdConfiguration, DevdRule, Event
from checks.probes.shell_calls import SEARCH_PATH, ProgramCall, calls

OPTIONS = ("--config", "--via", "--peer", "--state-dir")
"""What may stand before the arguments (remediate.worker)."""
OLD_STYLE = ("master", "slave", "backup")
"""One word that the hook takes in place of the two (remediate.failover.devd_events)."""


class HookUse(Enum):
    """What a rule does with the hook."""

    RUNS = auto()
    UNCLEAR = auto()
    OTHER_ARGUMENTS = auto()
    NEVER = auto()


class HookEffect(NamedTuple):
    """`says` is why it is unclear, or the arguments; `path` is the PATH that the hook gets."""

    does: HookUse
    says: str = ""
    path: str = SEARCH_PATH


def wanted(event: Event) -> tuple[str, str]:
    """The arguments of the hook for an event; the arrival of the self-test's interface has its own."""
    return event["subsystem"], event["type"] if event["system"] == "CARP" else "self-test"


def seen(configuration: DevdConfiguration, rule: DevdRule, event: Event, hook: str) -> HookEffect:
    """What all actions of a rule do with `hook` where devd runs the rule for `event`."""
    program_calls: list[ProgramCall] = []
    unclear = ""
    for action in rule.actions:
        of_action = calls(configuration.command(action, event), hook)
        program_calls += of_action.made
        unclear = unclear or of_action.unclear
    right = [call for call in program_calls if _takes(call, wanted(event))]
    sure = next((call for call in right if not call.doubt and None not in call.arguments), None)
    if sure:
        return HookEffect(HookUse.RUNS, path=sure.path or SEARCH_PATH)
    if right or unclear:
        return HookEffect(
            HookUse.UNCLEAR,
            next((call.doubt for call in right if call.doubt), unclear) or "its arguments are not known",
        )
    if program_calls:
        return HookEffect(
            HookUse.OTHER_ARGUMENTS, " ".join(str(word) for word in program_calls[0].arguments) or "no argument"
        )
    return HookEffect(HookUse.NEVER)


def _takes(call: ProgramCall, expected: tuple[str, str]) -> bool:
    """Whether these may be arguments that the hook takes; what is not known may be anything."""
    words = list(call.arguments)
    while words and words[0] is not None and words[0].partition("=")[0] in OPTIONS:
        del words[: 1 if "=" in words[0] else 2]
    if len(words) == 1 and words[0] in OLD_STYLE:
        return True
    if None in words:
        return all(word is None or word in expected for word in words)
    return tuple(words) == expected
