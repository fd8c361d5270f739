"""`hastwatch rehearse [SCENARIO ...]`: play failures on a simulated pair and show what they cost.

Two nodes with HAST, CARP, devd and NFS are simulated in this process; nothing outside it is touched. Without arguments
the faults that matter are played twice, by hand as documented and with hastwatch, and a table at the end compares how
long the clients had no service and which acknowledged writes were lost, and by what. Every number is measured in the
run. `--all`, or scenarios by name, tell the whole story: what is broken, what each check reports, every command and
every step, how long the clients had no service, which acknowledged writes are missing, and what lost them.

The checks are the real ones, except check_nfs_export, which uses the network directly: a simulated NFS client that
writes a new file every second takes its place. By hand means that devd runs the documented hook, or nothing acts by
itself; the operator types without pauses, except those that the story mentions. Otherwise hastwatch is installed on
both nodes and no operator repairs anything: its journals show what it does and why. In missed-event-repaired and
missed-event-recommended a simulated monitoring engine runs the checks and calls the event handler. Times are simulated
seconds; --speed only sets how fast they pass.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from checks import VERSION
from checks.plugin.config import ConfigError
from checks.plugin.text import plain, say_duration
from remediate import exits, terminal
from remediate.arguments import Parser
from remediate.config import RemediationConfig, load
from remediate.rehearsal import comparison, report
from remediate.rehearsal.arguments import CONFIG, speed
from remediate.rehearsal.brief import Brief, closing
from remediate.rehearsal.comparison import Comparison
from remediate.rehearsal.faults import FAULTS, Fault, side
from remediate.rehearsal.observer import Observer, refuse_wrong
from remediate.rehearsal.own_pair import layout_of
from remediate.rehearsal.scenario import Scenario, ScenarioOutcome, Stage, play
from remediate.rehearsal.scenarios import SCENARIOS
from remediate.rehearsal.setting import setting
from remediate.rehearsal.story import Entry
from remediate.rehearsal.timeline import Recorder
from remediate.terminal import FAINT, REDRAW_LINE, Paint
from remediate.timeline.model import Timeline
from simulator.layout import PairLayout
from simulator.pace import Pace

DEFAULT_SPEED = 60.0
"""Simulated seconds per real second: the default run takes less than half a minute."""
NOTED_SILENCE = 3.0
"""Simulated seconds without an acknowledgement that the progress line speaks of."""
REDRAW = 0.1
"""Real seconds between two changes of the progress line."""
FAILED, INTERRUPTED = 1, 130


class ScenarioProgress:
    """The last line of a terminal, rewritten while a scenario goes on; nothing where the output is no terminal."""

    def __init__(self, stream: TextIO, wanted: bool, paint: Paint) -> None:
        self._stream, self._wanted, self._paint = stream, wanted, paint
        self._drawn, self._last = False, 0.0

    def show(self, text: Callable[[], str]) -> None:
        """Draw the line anew, not more often than people can read."""
        now = time.monotonic()
        if self._wanted and now - self._last >= REDRAW:
            self._last, self._drawn = now, True
            fitting = text()[: shutil.get_terminal_size().columns - 1]
            self._stream.write(f"{REDRAW_LINE}{self._paint(fitting, FAINT)}")
            self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._drawn = False
            self._stream.write(REDRAW_LINE)


class Rehearsal:
    """One call of the command."""

    def __init__(self, options: argparse.Namespace, config: RemediationConfig, layout: PairLayout) -> None:
        self.options, self.config, self.layout = options, config, layout
        self.outcomes: list[ScenarioOutcome] = []
        self.timelines: list[Timeline] = []
        self.paint = Paint(terminal.is_coloured())
        self.progress = ScenarioProgress(sys.stdout, terminal.is_terminal() and not options.json, self.paint)

    def run(self, scenarios: list[Scenario]) -> int:
        """Play them all and tell the whole story; the exit status."""
        for number, scenario in enumerate(scenarios, 1):
            self._say(report.headline(scenario.name, scenario.line, self.paint), "")
            outcome = self._play(scenario, f"[{number}/{len(scenarios)}] {scenario.name}", self._tell)
            self._say(*report.verdict(outcome, self.paint), "")
        if len(scenarios) > 1:
            self._say(*report.table(self.outcomes, self.paint), "", report.summary(self.outcomes, self.paint))
        return self._end({})

    def compare(self, faults: Sequence[Fault]) -> int:
        """Play each fault by hand and with hastwatch, tell it briefly, and end with the table; the exit status."""
        rows: list[Comparison] = []
        for number, fault in enumerate(faults, 1):
            rows.append(Comparison(fault, *(self._side(scenario, number, len(faults)) for scenario in fault.scenarios)))
            axis = max((timeline.seconds for timeline in self.timelines[-2:]), default=0.0)
            self.timelines[-2:] = [timeline._replace(axis=axis) for timeline in self.timelines[-2:]]
        self._say(*comparison.table(rows, self.paint), "", report.summary(self.outcomes, self.paint))
        return self._end({"faults": [comparison.as_json(row) for row in rows]})

    def _side(self, scenario: Scenario, number: int, count: int) -> ScenarioOutcome:
        """One scenario of a fault."""
        self._say(report.headline(side(scenario), scenario.line, self.paint))
        brief = Brief(self.paint, scenario.hooked)
        tell = self._tell if self.options.verbose else lambda entry: self._say(*brief.tell(entry))
        outcome = self._play(scenario, f"[{number}/{count}] {side(scenario)}", tell)
        self._say(*brief.rest(), *closing(outcome, self.paint), "")
        return outcome

    def _end(self, more: dict[str, Any]) -> int:
        well = all(outcome.well for outcome in self.outcomes)
        if self.options.timeline:
            from remediate.timeline import page

            try:
                page.write(self.options.timeline, self.timelines)
            except OSError as error:
                sys.stderr.write(f"hastwatch rehearse: {self.options.timeline}: {error.strerror}\n")
                well = False
        if self.options.json:
            head = {"hastwatch": VERSION, "seed": self.options.seed, "as_it_must": well}
            stories = [report.as_json(outcome) for outcome in self.outcomes]
            print(json.dumps({**head, **more, "scenarios": stories}, indent=2))
        return 0 if well else FAILED

    def _play(self, scenario: Scenario, title: str, tell: Callable[[Entry], None]) -> ScenarioOutcome:
        with setting(scenario, self.layout, self.config) as (pair, clients, installed):
            began = pair.clock.now

            def line() -> str:
                silent = clients.silent_for()
                without = f"clients without service for {say_duration(silent)}"
                served = "clients are served" if silent < NOTED_SILENCE else without
                return f"{title}  {say_duration(pair.clock.now - began)}, {served}"

            pace = Pace(pair.clock, self.options.speed, lambda: self.progress.show(line))
            observer = Observer(pair, self.config)
            recorder = Recorder(pair, clients) if self.options.timeline else None
            outcome = play(scenario, Stage(pair, observer, clients, pace, tell, installed))
            if recorder is not None:
                self.timelines.append(recorder.timeline(f"{side(scenario) or scenario.name}: {scenario.line}", outcome))
        self.outcomes.append(outcome)
        return outcome

    def _tell(self, entry: Entry) -> None:
        self._say(*report.story(entry, self.paint, self.options.verbose > 0))

    def _say(self, *lines: str) -> None:
        if self.options.json:
            return
        self.progress.clear()
        for line in lines:
            print(line)
        sys.stdout.flush()


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="hastwatch rehearse", description=__doc__, exits=exits.described(EXITS))
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help="see --list (default: the faults that matter)")
    parser.add_argument("--all", action="store_true", help="play every scenario, and tell the whole story")
    parser.add_argument("--list", action="store_true", help="name all scenarios, and which the default run plays")
    parser.add_argument("--speed", type=_speed, default=DEFAULT_SPEED, metavar="N", help=(
        f"simulated seconds per real second, or max (default: {DEFAULT_SPEED:g})"
    ))  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of everything random (default: %(default)s)")
    parser.add_argument("--config", metavar="FILE", help=f"{CONFIG}; its severities and timeout count too")
    parser.add_argument("--json", action="store_true", help="the whole story as one JSON object, at the end")
    parser.add_argument(
        "--timeline",
        metavar="FILE",
        help="draw what both nodes were and when clients waited, as SVG or, by its name, HTML",
    )
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="the whole story, with the whole line of every check"
    )
    return parser


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        return speed(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, or max") from None


def chosen(names: list[str]) -> list[Scenario]:
    """The scenarios of these names, each once; `tour` is all of them. Raises ValueError with what to say."""
    known = {scenario.name: [scenario] for scenario in SCENARIOS} | {"tour": list(SCENARIOS)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no scenario {plain(unknown[0])!r}; --list names them")
    return list(dict.fromkeys(scenario for name in names for scenario in known[name]))


def listing() -> list[str]:
    """What `--list` prints; in brackets the fault and the column of the default run."""
    rows = [("tour", "all of the following, in this order, as --all")]
    rows += [(each.name, f"{each.line}{f' [{side(each)}]' if side(each) else ''}") for each in SCENARIOS]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {line}" for name, line in rows]


def catalogue() -> list[dict[str, str]]:
    """The same for programs; `default` is empty where the default run does not play it."""
    return [{"name": each.name, "about": each.line, "default": side(each)} for each in SCENARIOS]


EXITS = {0: "every scenario passed", 1: "one did not"}


def main(words: list[str] | None = None) -> int:
    """The command with its arguments; the exit status."""
    options_parser = parser()
    options = options_parser.parse_args(words)
    try:
        if options.list:
            print(json.dumps(catalogue(), indent=2) if options.json else "\n".join(listing()), flush=True)
            return 0
        scenarios = chosen(["tour"] if options.all else options.scenario)
        config = load(options.config) if options.config is not None else RemediationConfig()
        refuse_wrong(config)
        layout = layout_of(config, options.seed)
    except OSError as error:
        return _cannot_write(error)
    except (ConfigError, ValueError) as error:
        options_parser.error(str(error))
    rehearsal = Rehearsal(options, config, layout)
    try:
        status = rehearsal.run(scenarios) if scenarios else rehearsal.compare(FAULTS)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        rehearsal.progress.clear()
        return INTERRUPTED
    except OSError as error:
        return _cannot_write(error)


def _cannot_write(error: OSError) -> int:
    """Standard output is closed or full: end, in the first case without a word, and let Python try no more."""
    if not isinstance(error, BrokenPipeError):
        sys.stderr.write(f"hastwatch rehearse: standard output: {error.strerror}\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
