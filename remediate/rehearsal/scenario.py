"""What a scenario is: steps that an operator types, faults, looks at the checks, and what is expected of them.

A scenario is a function that is given a `Stage` and acts on it:

    def export_vanishes(stage: Stage) -> None:
        stage.looks("before")
        stage.types(stage.active, "umount /hast/home")
        …
        stage.looks("the alarm", "carp-master-not-exported")
        stage.types(stage.active, "service mountd onerestart")
        stage.ends()

Every step becomes an entry of the story, in simulated time. What was expected and did not come is trouble; a scenario
without trouble has passed. The story is the same at every speed: real time is only waited for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from remediate.policy import Failover
from remediate.rehearsal.cron import EVERY, next_look
from remediate.rehearsal.deeds import Deeds
from remediate.rehearsal.observer import CheckReport, Observer
from remediate.rehearsal.service import Account, Clients
from remediate.rehearsal.story import (
    CheckRound,
    Comment,
    Entry,
    InjectedFault,
    JournalAction,
    NodeReaction,
    TypedCommand,
)
from simulator.account.accounting import PossibleFailure, at_risk
from simulator.account.writes import LossCause
from simulator.faults.faults import inflict
from simulator.shell.output import Output

if TYPE_CHECKING:
    from remediate.rehearsal.installed import Installed
    from simulator.layout import ResourceLayout
    from simulator.node import Node
    from simulator.pace import Pace
    from simulator.pair import Pair

HEARING = 1.0
"""Simulated seconds after which what happened while the operator waits is told."""
AFTER = "after"
"""The moment of the last look."""
LAST_WAIT = 5.0
"""Simulated seconds that the clients go on before the last look."""
SILENCE = 5.0
"""Simulated seconds without an acknowledgement after which clients are not served."""
WORTH_TELLING = r"^carp: .* -> (BACKUP|MASTER|INIT)|^UFS: forcibly|^hast role |^monitoring: |^hastwatch "
"""Of what the pair notes: lines of the kernel log, hastd's event of a role, what a monitoring engine asks for."""
MOST_RUNS = 8
"""Runs of numbers that a line shows."""
COMMAND_LIMIT = 600.0
"""Simulated seconds after which a command that does not end is trouble."""


def as_configured(policy: Failover) -> Failover:
    """The user's own policy."""
    return policy


class Scenario(NamedTuple):
    """A scenario by name. `hooked`: devd runs the documented hook. `automatic`: hastwatch is installed on both nodes,
    with the user's policy as `policy` changes it; `monitored`: an engine looks on and calls the event handler.
    Otherwise nothing acts by itself."""

    name: str
    line: str
    act: Callable[[Stage], None]
    hooked: bool = False
    automatic: bool = False
    policy: Callable[[Failover], Failover] = as_configured
    monitored: bool = False
    releases: str = ""
    """Of FreeBSD, as `hastwatch pair up --release` takes them; the recorded pair's where nothing is said."""


class ScenarioOutcome(NamedTuple):
    """How a scenario ended. Without trouble it passed."""

    scenario: Scenario
    seconds: float
    """Simulated time from the first look to the end."""
    entries: tuple[Entry, ...]
    account: Account
    trouble: tuple[str, ...]
    left: tuple[tuple[str, str], ...] = ()
    """The reasons that a check still gives at the end, each with why."""

    @property
    def well(self) -> bool:
        """It passed."""
        return not self.trouble


class Stage:
    """Where a scenario is played: the pair, an operator at its command lines, the checks, the clients."""

    def __init__(
        self,
        pair: Pair,
        observer: Observer,
        clients: Clients,
        pace: Pace,
        tell: Callable[[Entry], None],
        installed: Installed | None = None,
    ) -> None:
        """`tell` is given every entry of the story when it is complete; what `installed` does is in it too."""
        self.pair, self.observer, self.clients = pair, observer, clients
        self.active, self.standby = pair.nodes.values()
        self.trouble: list[str] = []
        self.left: tuple[tuple[str, str], ...] = ()
        """The reasons that a check still gives at the end, and why."""
        self.entries: list[Entry] = []
        self.began = pair.clock.now
        self._pace, self._tell, self._heard = pace, tell, len(pair.notes)
        self._installed = installed
        self._salvages = installed.salvages if installed is not None else None
        self._deeds = Deeds(installed.state, pair.nodes) if installed is not None else None
        if self._deeds is not None:
            self._deeds.until(self.began)
        self._must: frozenset[LossCause] = frozenset()
        self._may: frozenset[LossCause] = frozenset()

    @property
    def now(self) -> float:
        """Simulated seconds since the beginning of the scenario."""
        return self.pair.clock.now - self.began

    @property
    def resources(self) -> tuple[ResourceLayout, ...]:
        """All resources of the pair."""
        return self.pair.layout.resources

    def until_cron(self, node: Node, left: float) -> float:
        """Seconds until cron(8) calls hastwatch on a node in `left` seconds."""
        assert self._installed is not None, "cron calls nothing where hastwatch is not installed"
        return (next_look(self._installed, node) - left) % EVERY

    # --- what is done -------------------------------------------------------------------------------------------

    def types(self, node: Node, line: str, *, status: int = 0) -> None:
        """The operator types a command on a node, which must end with `status`."""
        at, output = self.now, Output()
        process = node.start_command(line, output)
        if not self._pace.wait(process, COMMAND_LIMIT):
            process.kill()
        ended = process.value if process.value is not None else 124
        words = "" if ended == 0 else _first_words(output.text("err") or output.text("out"))
        self._add(TypedCommand(at, node.name, line, ended, self.now - at, words))
        if ended != status:
            self.trouble.append(f"{node.name}: `{line}` exited with {ended}, must be {status}: {words}")

    def watches(self, node: Node, line: str, shown: str, limit: float = 900.0) -> None:
        """The operator repeats a command until it prints a line that begins with `shown`, at most `limit` seconds."""
        at, shows = self.now, False
        while not shows and self.now - at < limit:
            output = Output()
            process = node.start_command(line, output)
            self._pace.wait(process, COMMAND_LIMIT)
            shows = process.done and _shows(output.text("out"), shown)
            if not shows:
                self._pace.advance(1.0)
        self._add(TypedCommand(at, node.name, line, 0, self.now - at, f"until it shows {shown.strip()}"))
        if not shows:
            self.trouble.append(f"{node.name}: `{line}` did not show {shown} in {limit:g} s")

    def breaks(self, *words: str) -> None:
        """A fault happens."""
        self._add(InjectedFault(self.now, " ".join(words)))
        inflict(self.pair, *words)

    def waits(self, seconds: float, why: str) -> None:
        """Time passes, and this is why."""
        self._add(Comment(self.now, f"{why} ({seconds:g} s)"))
        ends = self.pair.clock.timeout(seconds)
        while not self._pace.wait(ends, HEARING):
            self._hear(self.now)

    def tells(self, text: str) -> None:
        """A sentence for the reader."""
        self._add(Comment(self.now, text))

    # --- what is seen -------------------------------------------------------------------------------------------

    def looks(self, moment: str, *expected: str) -> None:
        """All checks are asked. `expected` are the reasons that must be named; without any, all must be well."""
        self._looked(moment, expected, None if expected else frozenset())

    def expects_loss(self, *causes: LossCause, besides: tuple[LossCause, ...] = ()) -> None:
        """Acknowledged writes get lost: by the doing of each of `causes`, perhaps `besides`, and of nothing else."""
        self._must = frozenset(causes)
        self._may = self._must.union(besides)

    def says_at_risk(self) -> None:
        """The account of the data: what a power cut of the serving node would lose now."""
        for resource in self.resources:
            risks = at_risk(self.pair, resource.name, PossibleFailure.POWER_CUT)
            if risks:
                numbers = ranges(tuple(sorted(risk.write.number for risk in risks)))
                self.tells(f"a power cut now would lose {len(risks)} acknowledged writes of {resource.name}: {numbers}")

    def says_missing(self) -> None:
        """The account of the data: what clients miss now."""
        for loss in self.clients.account().losses:
            text = f"clients miss {len(loss.numbers)} acknowledged writes of {loss.resource}: {ranges(loss.numbers)}"
            self.tells(f"{text}, {loss.fate.value} ({loss.cause.value})")

    def ends(self, *left: Mapping[str, str]) -> None:
        """The end: all checks are well but for the reasons that `left` explains, clients are served, the account is as
        expected."""
        why = {reason: text for each in left for reason, text in each.items()}
        self._pace.advance(LAST_WAIT)
        says = self._looked(AFTER, (), frozenset(why))
        wrong = {reason for one in says for reason in one.wrong}
        self.left = tuple((reason, text) for reason, text in why.items() if reason in wrong)
        silent = self.clients.silent_for()
        if silent > SILENCE:
            self.trouble.append(f"at the end clients have had no service for {silent:.0f} s")
        account = self.account()
        causes = {loss.cause for loss in account.losses}
        for cause in sorted(causes - self._may, key=str):
            self.trouble.append(f"acknowledged writes were lost that must not be, by {cause.value}")
        for cause in sorted(self._must - causes, key=str):
            self.trouble.append(f"no acknowledged write was lost by {cause.value}, which had to be shown")

    def account(self) -> Account:
        """What the clients got, and what has become of it."""
        return self.clients.account(self._salvages)

    def _looked(self, moment: str, expected: tuple[str, ...], only: frozenset[str] | None) -> tuple[CheckReport, ...]:
        at = self.now
        says = self.observer.look(self._pace.wait)
        reported = {reason for one in says for reason in one.reasons}
        missing = tuple(reason for reason in expected if reason not in reported)
        self._add(CheckRound(at, moment, says, expected, missing))
        self.trouble += [f"{moment}: no check said {reason}" for reason in missing]
        if only is not None:
            wrong = [(one, reason) for one in says for reason in one.wrong if reason not in only]
            self.trouble += [f"{moment}: {one.check} said {reason} ({one.node})" for one, reason in wrong]
        return says

    def _add(self, entry: Entry) -> None:
        """Tell an entry, after what the nodes did by themselves before it began."""
        self._hear(entry.at)
        self._append(entry)

    def _hear(self, until: float) -> None:
        """Tell what the nodes and hastwatch have done since, in the order of time."""
        heard: list[NodeReaction | JournalAction] = []
        while self._heard < len(self.pair.notes) and self.pair.notes[self._heard].at - self.began <= until:
            note = self.pair.notes[self._heard]
            self._heard += 1
            if re.search(WORTH_TELLING, note.text):
                text = re.sub(r"^hast role (\S+) (\S+) (\S+)", r"hastd: \1 \2 -> \3", note.text)
                heard.append(NodeReaction(note.at - self.began, note.node, text))
        if self._deeds is not None:
            deeds = self._deeds.until(until + self.began)
            heard += [JournalAction(deed.at - self.began, deed.node, deed.event, deed.text) for deed in deeds]
        for entry in sorted(heard, key=lambda entry: entry.at):
            self._append(entry)

    def close(self) -> None:
        """The story is over."""
        if self._deeds is not None:
            self._deeds.close()

    def _append(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._tell(entry)


def play(scenario: Scenario, stage: Stage) -> ScenarioOutcome:
    """Play a scenario to its end, or as far as it comes; never raises but for an interrupt from the keyboard."""
    try:
        scenario.act(stage)
    except Exception as error:  # the last line of defence: the other scenarios are still to be played
        stage.trouble.append(f"the rehearsal itself failed: {type(error).__name__}: {error}")
    stage.trouble += [f"a hook failed: {type(error).__name__}: {error}" for error in stage.pair.hook_errors]
    stage.close()
    account = stage.account()
    return ScenarioOutcome(scenario, stage.now, tuple(stage.entries), account, tuple(stage.trouble), stage.left)


def ranges(numbers: tuple[int, ...]) -> str:
    """Sorted numbers for people: `3-7, 9`; of many runs the first ones and the last number."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    shown = ["-".join(map(str, run)) for run in runs]
    if len(shown) > MOST_RUNS:
        shown = [*shown[: MOST_RUNS - 2], "...", shown[-1]]
    return ", ".join(shown)


def _shows(text: str, wanted: str) -> bool:
    return any(line.strip().startswith(wanted) for line in text.splitlines())


def _first_words(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no message")
