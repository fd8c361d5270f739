"""hastd's lines in the log, and the marker of its hook."""

import threading
from datetime import datetime

import pytest

from checks.probes.hast_log import LOGS, HastLogs, Sign, parse_signs
from checks.probes.process import CompletedCommand
from tests.probes.test_geom import Answers

EXIT_78 = "nfs002 hastd[1600]: [home] (secondary) Worker process exited ungracefully (pid=4536, exitcode=78)."
NOW = datetime(2026, 11, 22, 8, 47, 0)


def signs(*lines: str, now: datetime | None = NOW) -> tuple[Sign, ...]:
    return parse_signs(list(lines), "home", now)


def test_the_exit_code_of_a_refused_worker_is_a_sign() -> None:
    parsed = signs(f"Nov 22 08:46:34 {EXIT_78}", f"Nov 22 08:46:46 {EXIT_78}")
    assert parsed == (Sign("exit code 78", 2, "Nov 22 08:46:46", True),)


def test_a_sign_older_than_its_repetition_is_of_the_past() -> None:
    assert not signs(f"Nov 22 08:45:00 {EXIT_78}")[0].current


def test_without_the_nodes_clock_the_age_is_not_known() -> None:
    assert signs(f"Nov 22 08:46:46 {EXIT_78}", now=None)[0].current is None


def test_the_youngest_line_counts_wherever_it_stands_and_a_doubled_one_once() -> None:
    young, old = f"Nov 22 08:46:46 {EXIT_78}", f"Nov 20 01:00:00 {EXIT_78}"
    assert signs(young, old, young) == (Sign("exit code 78", 2, "Nov 22 08:46:46", True),)


def test_an_ordinary_lost_connection_is_no_sign() -> None:
    assert signs(f"Nov 22 08:46:46 {EXIT_78.replace('78', '75')}") == ()


def test_a_sign_of_another_resource_is_none() -> None:
    assert signs(f"Nov 22 08:46:46 {EXIT_78.replace('[home]', '[home2]')}") == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[home] (secondary) Split-brain detected, exiting.", "split-brain"),
        ("[home] (primary) Split-brain condition!", "split-brain"),
        (
            "[home] (primary) We act as primary for the resource and not as secondary as requested by tcp://10.1.101.4:1.",
            "two primaries",
        ),
        ("[home] (primary) Remote node acts as primary for the resource and not as secondary.", "two primaries"),
        ("[home] (secondary) Resource unique ID mismatch (primary=1, secondary=2).", "resource ID mismatch"),
    ],
)
def test_what_a_worker_says_where_its_lines_arrive(text: str, kind: str) -> None:
    assert [sign.kind for sign in signs(f"Nov 22 08:46:46 nfs001 hastd[9]: {text}")] == [kind]


@pytest.mark.parametrize("prefix", ["2026-11-22T08:46:46.703450+00:00", "<27>1 2026-11-22T08:46:46.703450+00:00"])
def test_the_newer_log_format_is_read(prefix: str) -> None:
    assert signs(f"{prefix} {EXIT_78}")[0].current


@pytest.mark.parametrize(
    ("when", "offset", "current"),
    [
        ("2026-11-22T07:46:46Z", 60, True),
        ("2026-11-22T07:46:46Z", None, None),
        ("2026-11-22T05:46:46Z", 60, False),
        ("2026-11-20T07:46:46Z", None, False),
        ("2026-11-22T08:46:46+01:00", None, True),
    ],
)
def test_where_the_zone_of_the_node_is_not_known_a_line_of_another_one_may_be_of_now(
    when: str, offset: int | None, current: bool | None
) -> None:
    assert parse_signs([f"{when} {EXIT_78}"], "home", NOW, offset)[0].current is current


def test_a_line_of_december_read_in_january_is_of_last_year() -> None:
    parsed = signs(f"Dec 31 23:59:50 {EXIT_78}", now=datetime(2027, 1, 1, 0, 0, 10))
    assert parsed[0].current


@pytest.mark.parametrize("when", ["Foo 22 08:46:46", "Feb 30 08:46:46", "99:99", "Nov 22 25:00:00"])
def test_a_time_that_is_none_leaves_the_age_unknown(when: str) -> None:
    assert signs(f"{when} {EXIT_78}")[0] == Sign("exit code 78", 1, "an unreadable time", None)


def test_the_logs_are_read_once_for_however_many_resources() -> None:
    rotated = f"Nov 22 08:46:46 {EXIT_78}\n".replace("nfs002", "localhost")
    questions = {
        f"grep -h hastd {' '.join(LOGS)}": "Nov 22 08:46:50 localhost hastd[1600]: Ready.\n",
        "ls /var/log": "messages\nmessages.0.bz2\n",
        "bzcat /var/log/messages.0.bz2": rotated + rotated.replace("[home]", "[mail]"),
    }
    node = Answers(questions)
    logs = HastLogs(node)
    kinds = {name: [sign.kind for sign in logs.signs(name)] for name in ("home", "mail", "other")}
    assert kinds == {"home": ["exit code 78"], "mail": ["exit code 78"], "other": []}
    assert [line for line in node.asked if line in questions] == list(questions)


class Meeting(Answers):
    """A node that answers only while another one is read too."""

    both = threading.Barrier(2, timeout=10)

    def run(self, tool: str, *arguments: str) -> CompletedCommand:
        if tool == "grep":
            self.both.wait()
        return super().run(tool, *arguments)


def test_the_logs_of_two_nodes_are_read_at_the_same_time() -> None:
    answers = {f"grep -h hastd {' '.join(LOGS)}": "Nov 22 08:46:50 localhost hastd[1600]: Ready.\n", "ls /var/log": ""}
    logs = [HastLogs(Meeting(answers)) for _ in range(2)]
    signs: list[tuple[Sign, ...]] = []
    readers = [threading.Thread(target=lambda one=one: signs.append(one.signs("home"))) for one in logs]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert signs == [(), ()]
