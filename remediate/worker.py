"""What the hooks do: note what arrived, return at once, and leave the work to a process of its own.

devd(8) waits for its hook, so that one imports little and only records; hastd(8) does not wait, but complains about
a hook that is older than a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from checks.plugin.config import ConfigError
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from remediate.console import Console
from remediate.context import Context
from remediate.detached import detach
from remediate.exits import CANNOT_KEEP, CONFIG, INTERNAL, NO_PROCESS, USAGE
from remediate.failover.devd_events import InvalidEvent, carp_event
from remediate.failover.patience import patiently as patiently
from remediate.invocation import OWN, Invocation
from remediate.local import LocalOptions
from remediate.state.journal import CRIT, ERR, JournalLevel
from remediate.state.store import StateError

if TYPE_CHECKING:
    from remediate.failover.converge import ConvergeOutcome

OPTIONS = {"--config": "config", "--via": "via", "--peer": "peer", "--state-dir": "state_dir"}
"""Those of every subcommand (`local.add_options`), read without argparse, which takes a tenth of a hook's time."""
SHUTDOWN, GIVING_UP = 60.0, 40.0
"""Seconds for everything at a shutdown, and of these for the convergence: all scripts together have
rcshutdown_timeout, 90 s (rc.conf(5)), then rc.shutdown is killed, and hastd with all processes (init(8))."""

TELLS_AGAIN = (2.0, 5.0, 10.0, 20.0)
"""Seconds before each further attempt to tell the other node that its copy is complete; then cron(8) looks."""


class WorkerHook(NamedTuple):
    """A hook: its name, what its words are, and what it does with them in a context, which gives the exit status."""

    name: str
    usage: str
    act: Callable[[Context, list[str]], int]


def carp(words: list[str], invocation: Invocation = OWN) -> int:
    """The hook of devd(8); the exit status."""
    return run(WorkerHook("carp-hast-switch", CARP_USAGE, carp_on), words, invocation)


def hast(words: list[str], invocation: Invocation = OWN) -> int:
    """The hook of hastd(8); the exit status."""
    is_noted = words[:1] == [NOTED]
    act = hast_noted if is_noted else hast_on
    return run(WorkerHook("hastwatch-hast-event", HAST_USAGE, act), words[is_noted:], invocation)


CARP_USAGE = """VHID@IFACE MASTER|BACKUP|INIT
       carp-hast-switch master|slave|backup
       carp-hast-switch loN self-test

What devd(8) runs on every change of CARP: notes it and starts a convergence (hastwatch converge) that it does not wait
for."""
HAST_USAGE = """role RESOURCE OLD NEW
       hastwatch-hast-event connect|disconnect|syncstart|syncdone|syncintr|split-brain RESOURCE

What hastd(8) runs on its events (hast.conf(5), exec): keeps account of which copy is complete, and steps down in a
split-brain where this node does not serve. --noted in front of all words: the script that hastd runs has noted the
event."""
NOTED = "--noted"
MORE = f"""
options: --config FILE, --state-dir DIR, --via PREFIX, --peer PREFIX, as hastwatch converge has them

exit status: 0 noted; {USAGE} wrong arguments; {INTERNAL} an internal error of hastwatch; {NO_PROCESS} no process could
be started; {CANNOT_KEEP} not recorded, the convergence is started all the same; {CONFIG} the configuration is refused,
nothing was done
"""


def run(hook: WorkerHook, words: list[str], invocation: Invocation = OWN) -> int:
    """A hook with the words after its name; the exit status."""
    if not words:
        first = hook.usage.splitlines()[0]
        return _say(invocation.console, f"usage: {hook.name} [options] {first} (see {hook.name} --help)\n", USAGE)
    if words[0] in ("-h", "--help"):
        from checks.plugin.help_text import columns, fitted

        text = fitted(f"usage: {hook.name} [options] {hook.usage}\n{MORE}", columns())
        return _say(invocation.console, f"{text}\n", 0)
    if words[0] in ("-V", "--version"):
        from checks import VERSION

        return _say(invocation.console, f"{hook.name} {VERSION}\n", 0)
    where = LocalOptions()
    try:
        where, words, wrong = parse(words)
        if wrong:
            raise InvalidEvent(wrong)
        return hook.act(invocation.context(where), words)
    except InvalidEvent as error:
        return _refuse(invocation, hook, where, str(error), USAGE)
    except (ConfigError, ProbeError) as error:
        return _refuse(invocation, hook, where, f"the configuration is refused, nothing is done: {error}", CONFIG)
    except OSError as error:
        return _refuse(invocation, hook, where, f"no process could be started: {error.strerror or error}", NO_PROCESS)
    except Exception as error:
        return _refuse(invocation, hook, where, invocation.console.internal(error), INTERNAL)


def parse(words: list[str]) -> tuple[LocalOptions, list[str], str]:
    """The options in front of a hook's own words, those, and what is wrong with an option, if anything."""
    values: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-"):
        name, equals, value = rest.pop(0).partition("=")
        if name not in OPTIONS or not (equals or rest):
            return LocalOptions(**values), rest, f"{plain(name, 120)!r} is not an option, or lacks its value"
        values[OPTIONS[name]] = value if equals else rest.pop(0)
    return LocalOptions(**values), rest, ""


def carp_on(context: Context, words: list[str]) -> int:
    """What the hook of devd(8) does in a context; the exit status. Raises Refused, OSError."""
    noted = note_carp(context, words)
    if noted.trigger:
        detach(context, noted.trigger, lambda own: _pushed(own, noted.trigger, lambda: noted.converge(own)))
    return noted.status


def hast_on(context: Context, words: list[str]) -> int:
    """The same for that of hastd(8). What cannot be noted is done at once, as what nobody waits to be told is."""
    from remediate.failover.hook_arguments import refuse_wrong
    from remediate.state import noted

    refuse_wrong(words)
    at = context.timing.wall()
    if words[0] != "split-brain":
        try:
            noted.note(context.store, words, at)
            return hast_noted(context, words)
        except StateError as error:
            why = f"hastd {' '.join(words)}"
            context.journal.entry("hook", why=why, result=f"could not be noted: {error}", severity=ERR)
    return _detached(context, words, lambda own: hast_at_once(own, words, at))


def hast_noted(context: Context, words: list[str]) -> int:
    """The same where the event is noted."""
    return _detached(context, words, lambda own: hast_work(own, words))


def _detached(context: Context, words: list[str], work: Callable[[Context], object]) -> int:
    why = f"hastd {' '.join(words)}"
    detach(context, why, lambda own: _pushed(own, why, lambda: work(own)))
    return 0


def _pushed(context: Context, why: str, call: Callable[[], object]) -> object:
    """The call of a worker, and monitoring hears of it, where that is configured. Raises what the call raises."""
    if context.config.submission is None:
        return call()
    from remediate.monitoring.push import with_pushes

    return with_pushes(context, why, call)


class NotedTrigger(NamedTuple):
    """A CARP event was noted, or could not be: what to converge for, empty where nothing is to be done."""

    trigger: str
    status: int

    def converge(self, context: Context) -> ConvergeOutcome:
        """In the worker. What was not noted no other convergence that runs knows of."""
        from remediate.failover.converge import ConvergeRequest, converge

        def call() -> ConvergeOutcome:
            return converge(context, ConvergeRequest(self.trigger))

        return call() if self.status == 0 else patiently(context, self.trigger, call)


def note_carp(context: Context, words: list[str]) -> NotedTrigger:
    """Note a CARP event; where that fails, say so, and converge all the same. Raises Refused."""
    try:
        return NotedTrigger(carp_event(context, words), 0)
    except (StateError, ProbeError) as error:
        arrived = " ".join(words)
        context.journal.entry("hook", why=f"devd {arrived}", result=f"could not be noted: {error}", severity=ERR)
        return NotedTrigger("" if words[-1] == "self-test" else f"devd {arrived}", CANNOT_KEEP)


def hast_work(context: Context, words: list[str]) -> None:
    """What follows from an event of hastd that is noted, in the worker: one worker takes care of all of them, or the
    convergence that runs. That of a completed synchronisation tries again to tell the other node of it, which would not
    take over until then. Raises nothing of its own."""
    from remediate.failover import disk_errors, proofs
    from remediate.failover.converge import take_up
    from remediate.state import noted

    take_up(context)
    for seconds in TELLS_AGAIN if words[0] == "syncdone" else ():
        if not any(each.words == words for each in noted.waiting(context.store)):
            break
        context.timing.sleep(seconds)
        take_up(context)
    disk_errors.try_to(context, f"hastd {' '.join(words)}")
    proofs.try_to(context, proofs.to_be_proven(context), f"hastd {' '.join(words)}")


def hast_at_once(context: Context, words: list[str], at: float) -> None:
    """The same for one that came at `at` and waits for nobody: a split-brain, where this node steps down, and one that
    could not be noted. Raises InvalidEvent, StateError, ProbeError."""
    from remediate.failover import hastd_events, unproven
    from remediate.failover.converge import ConvergeRequest, converge
    from remediate.failover.peer_notice import PeerNotice, reported
    from remediate.state.noted import HastdEvent

    telling = PeerNotice(reported(context))
    if words[0] == "disconnect":
        unproven.lost(context, words[1], at)
    trigger = hastd_events.hast_event(context, HastdEvent("", words, at), telling)
    telling.send(context)
    if not trigger:
        return
    patiently(context, trigger, lambda: converge(context, ConvergeRequest(trigger)))
    if words[0] == "split-brain":
        recover_losing(context)


def recover_losing(context: Context) -> None:
    """What the policy does by itself about copies that lose; and the end of a recovery that was begun for one that is
    complete again, whoever began it. Raises ProbeError."""
    from remediate.recovery import progress

    progress.end_completed(context)
    if context.config.split_brain.policy in ("none", "step-down"):
        return
    from remediate.recovery import automatic

    automatic.recover_losing(context)


def begin_boot(context: Context, watch: Callable[[str], None]) -> ConvergeOutcome:
    """What rc(8) calls after hastd has started; it waits for a convergence that devd's event began before, because
    nobody calls it again. Raises StateError, ProbeError."""
    from remediate.failover import boot
    from remediate.failover.converge import ConvergeRequest, ConvergeResult, converge

    begun = boot.begin(context, watch)
    busy = begun.result is ConvergeResult.BUSY
    return patiently(context, "boot", lambda: converge(context, ConvergeRequest("boot"), watch)) if busy else begun


def end_boot(context: Context, watch: Callable[[str], None]) -> ConvergeOutcome:
    """What rc.shutdown(8) calls, as patiently; and whatever becomes of it, nothing stays mounted. Raises StateError."""
    from remediate.failover import boot, carp_demotion
    from remediate.failover.switchover import hand_over_at_shutdown
    from remediate.hurry import within

    began = context.timing.now()
    hurried = within(context, began + GIVING_UP)
    try:
        hand_over_at_shutdown(hurried, watch)
        boot.give_away(hurried)
        return patiently(hurried, carp_demotion.SHUTDOWN, lambda: boot.end(hurried, watch))
    finally:
        leave_nothing_mounted(within(context, began + SHUTDOWN))


def leave_nothing_mounted(context: Context) -> None:
    """What is left to a shutdown that could not converge. Raises nothing."""
    from remediate.failover import boot

    if sentences := boot.leave_nothing_mounted(context):
        context.journal.entry("shutdown", why="something was left mounted", result="; ".join(sentences), severity=CRIT)


def _refuse(invocation: Invocation, hook: WorkerHook, where: LocalOptions, why: str, status: int) -> int:
    """One entry of the journal, one line of syslog, one on standard error; nothing is run for it."""
    severity: JournalLevel = CRIT if status in (CONFIG, INTERNAL, NO_PROCESS) else ERR
    invocation.bare(LocalOptions(state_dir=where.state_dir)).journal.entry(
        "hook", why=hook.name, result=why, severity=severity
    )
    return _say(invocation.console, f"{hook.name}: {plain(why)}\n", status)


def _say(console: Console, text: str, status: int) -> int:
    """To whoever called by hand; devd(8) and hastd(8) have nobody who reads it, perhaps not even a descriptor."""
    stream = console.err if status else console.out
    with suppress(OSError, AttributeError, ValueError):
        stream.write(text)
        stream.flush()
    return status
