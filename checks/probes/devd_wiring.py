"""What devd's rules do with the events of CARP of a node, and whether each reaches the failover hook."""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import hook
from checks.probes.carp import STATES
from checks.probes.devd_conf import DevdConfiguration, DevdRule, Event
from checks.probes.hook import HookEffect, HookUse
from checks.probes.shell_calls import SEARCH_PATH


class DevdWiring(NamedTuple):
    """What the rules do with the events of CARP that this node can send."""

    file: str
    """That of the first rule that calls the hook; empty where none does."""
    others: tuple[str, ...] = ()
    """Where none does: what the rules for CARP call."""
    missed: tuple[str, ...] = ()
    """Events for which no rule runs the hook."""
    before: tuple[str, ...] = ()
    """Rules that run in place of ours."""
    wrong: tuple[str, ...] = ()
    """Arguments that are not `VHID@IFACE STATE`."""
    unclear: tuple[str, ...] = ()
    path: str = SEARCH_PATH
    """In which the hook's shell looks for programs."""


def wiring(configuration: DevdConfiguration, path: str, vhids: list[str]) -> DevdWiring:
    """Hold the rules against every event of CARP; without a vhid only whether one calls the hook. Raises
    NotUnderstood."""
    names = vhids or ["1@lo0"]
    events = [{"system": "CARP", "subsystem": vhid, "type": state.value} for vhid in names for state in STATES]

    def called(rule: DevdRule, event: Event) -> HookEffect | None:
        """What a rule does with the hook, None where it does not call it."""
        effect = hook.seen(configuration, rule, event, path)
        return None if effect.does is HookUse.NEVER else effect

    ours = [rule for rule in configuration.rules if any(called(rule, event) for event in events)]
    if not ours:
        variables = [configuration.variables_of(event) for event in events]
        of_carp = [rule for rule in configuration.rules if any(rule.fits(each) for each in variables)]
        return DevdWiring("", tuple(sorted({_program(rule) for rule in of_carp})))
    wired = DevdWiring(ours[0].file)
    for event in events if vhids else []:
        first = configuration.first(event)
        effects = [called(rule, event) for rule in first]
        others = [f"{_program(rule)} in {rule.file}" for rule in first if rule not in ours]
        fits = any(rule.fits(configuration.variables_of(event)) for rule in ours)
        missed = not fits or (not others and None in effects)
        calls = [each for each in effects if each is not None]
        wired = wired._replace(
            missed=(*wired.missed, *([f"{event['subsystem']} {event['type']}"] if missed else [])),
            before=(*wired.before, *(others if fits else [])),
            wrong=(*wired.wrong, *(each.says for each in calls if each.does is HookUse.OTHER_ARGUMENTS)),
            unclear=(*wired.unclear, *(each.says for each in calls if each.does is HookUse.UNCLEAR)),
            path=calls[-1].path if calls else wired.path,
        )
    return wired


def _program(rule: DevdRule) -> str:
    return next(iter(" ".join(rule.actions).split()), "nothing")
