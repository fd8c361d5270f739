"""How the spool is emptied: in order, a few times, nothing lost, nothing twice that can be asked for."""

from __future__ import annotations

import os
from pathlib import Path

from remediate.monitoring.answer import Disposition, ReceiverAnswer
from remediate.monitoring.delivery import DeliveryReport, deliver
from remediate.monitoring.result import CheckResult
from remediate.monitoring.spool import Bounds, Spool
from tests.monitoring.receivers import AWAY, BUSY, LOCKED, LOST, WRONG, Scripted, Skipping
from tests.monitoring.submitter import a_result


class Spooled:
    """A spool, and deliveries from it in simulated time."""

    def __init__(self, directory: Path) -> None:
        self.timing = Skipping()
        self.spool = Spool(str(directory / "spool"), "icinga", Bounds(1000, 86400.0), self.timing)

    def deliver(self, receiver: Scripted, *results: CheckResult) -> DeliveryReport:
        return deliver(self.spool, receiver, self.timing, list(results))

    def waiting(self) -> list[str]:
        return [result.output for result in map(self.spool.read, self.spool.names()) if result]


def says(*numbers: int) -> list[str]:
    return [f"THING OK - {number}" for number in numbers]


def test_a_result_that_is_taken_leaves_the_spool(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted()
    assert place.deliver(server, a_result(number=1)) == ((Disposition.TAKEN,), 1, 0, (), True)
    assert (server.sent, server.asked, place.waiting()) == (says(1), [], [])


def test_a_server_that_is_away_is_tried_three_times_and_the_result_waits(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted(AWAY, AWAY, AWAY)
    done = place.deliver(server, a_result(number=1))
    assert done == ((Disposition.LATER,), 0, 1, ("the server: no connection",), True)
    assert (len(server.sent), place.timing.slept, place.waiting()) == (3, [0.5, 1.5], says(1))


def test_a_server_that_comes_back_during_the_tries_gets_it_once(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted(AWAY)
    assert place.deliver(server, a_result(number=1)).fates == (Disposition.TAKEN,)
    assert len(server.sent) == 2


def test_when_it_is_back_everything_goes_out_in_order(tmp_path: Path) -> None:
    place = Spooled(tmp_path)
    for number in (1, 2):
        place.deliver(Scripted(AWAY, AWAY, AWAY), a_result(number=number))
    server = Scripted()
    assert place.deliver(server, a_result(number=3)) == ((Disposition.TAKEN,), 3, 0, (), True)
    assert server.sent == says(1, 2, 3)


def test_a_server_that_is_away_is_not_tried_again_for_every_result(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted(*[AWAY] * 20)
    done = place.deliver(server, *[a_result(f"service {number}", number) for number in range(5)])
    assert (done.fates, len(server.sent), done.waiting) == ((Disposition.LATER,) * 5, 3, 5)


def test_a_wrong_password_is_not_tried_again_and_the_results_wait(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted(LOCKED, LOCKED)
    done = place.deliver(server, a_result("a", 1), a_result("b", 2))
    assert done == ((Disposition.LOCKED, Disposition.LATER), 0, 2, ("the server: the password is wrong",), True)
    assert (len(server.sent), place.waiting()) == (1, says(1, 2))


def test_a_refused_result_is_set_aside_and_stops_no_other(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted(by_service={"nothing": WRONG})
    done = place.deliver(server, a_result("nothing", 1), a_result("thing", 2))
    assert (done.fates, done.taken, done.waiting) == ((Disposition.REFUSED, Disposition.TAKEN), 1, 0)
    assert done.says == ("the server: no such service: the result of nfs001!nothing is set aside",)
    assert place.deliver(server).says == ()


def test_a_service_that_has_to_wait_keeps_its_order_and_lets_others_pass(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted(by_service={"slow": BUSY})
    done = place.deliver(server, a_result("slow", 1), a_result("slow", 2), a_result("thing", 3))
    assert done.fates == (Disposition.LATER, Disposition.LATER, Disposition.TAKEN)
    assert (server.sent, place.waiting()) == (says(1, 1, 1, 3), says(1, 2))


def test_a_result_whose_answer_was_lost_is_asked_for_before_it_is_sent_again(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted(LOST)
    server.has = set(says(1))
    assert place.deliver(server, a_result(number=1)).fates == (Disposition.TAKEN,)
    assert (server.sent, server.asked) == (says(1), says(1))


def test_what_an_earlier_process_left_is_asked_for_until_the_first_that_did_not_arrive(tmp_path: Path) -> None:
    place = Spooled(tmp_path)
    for number in (1, 2, 3, 4):
        place.spool.put(a_result(number=number))
    server = Scripted()
    server.has = set(says(1, 2))
    assert place.deliver(server).taken == 4
    assert (server.asked, server.sent) == (says(1, 2, 3), says(3, 4))


def test_a_result_whose_time_is_over_is_dropped_and_that_is_said(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted()
    place.spool.put(a_result(number=1, ttl=60.0))
    place.spool.put(a_result(number=2, ttl=6000.0))
    place.timing.time += 100
    done = place.deliver(server)
    assert (server.sent, place.waiting()) == (says(2), [])
    assert done.says == ("not sent, because its time (ttl 60 s) is over: a result of nfs001!check_thing",)


def test_without_a_spool_a_result_is_sent_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    place, server = Spooled(tmp_path), Scripted()
    done = place.deliver(server, a_result(number=1))
    assert (done.fates, done.taken, done.kept, server.sent) == ((Disposition.TAKEN,), 1, True, says(1))
    assert "spool" in done.says[0]


def test_without_a_spool_and_a_server_the_loss_is_said(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    done = Spooled(tmp_path).deliver(Scripted(AWAY, AWAY, AWAY), a_result(number=1))
    assert (done.fates, done.kept) == ((Disposition.LATER,), False)
    assert done.says[-1] == "the server: no connection"


def test_a_broken_file_in_the_spool_stops_nothing(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted()
    name = place.spool.put(a_result(number=1))
    (Path(place.spool.directory) / name).write_text("{")
    assert place.deliver(server, a_result(number=2)).fates == (Disposition.TAKEN,)
    assert (server.sent, place.spool.was_set_aside(name)) == (says(2), True)


def test_another_process_that_sends_takes_it_along(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted()
    with place.spool.lock("send", "a test"):
        done = place.deliver(server, a_result(number=1))
    assert (done.fates, server.sent) == ((Disposition.LATER,), [])
    assert done.says == ("another process has been sending for 15 s: it takes along what waits",)


def test_what_is_put_in_while_the_spool_is_emptied_goes_along(tmp_path: Path) -> None:
    place = Spooled(tmp_path)

    class Late(Scripted):
        def send(self, result: CheckResult) -> ReceiverAnswer:
            if len(self.sent) == 0:
                place.spool.put(a_result(number=2))
            return super().send(result)

    server = Late()
    assert place.deliver(server, a_result(number=1)).taken == 2
    assert server.sent == says(1, 2)


def test_a_server_that_never_comes_to_an_end_is_given_up_and_nothing_is_lost(tmp_path: Path) -> None:
    place = Spooled(tmp_path)
    never, _ = os.pipe()

    class Endless(Scripted):
        def send(self, result: CheckResult) -> ReceiverAnswer:
            os.read(never, 1)
            return super().send(result)

    done = deliver(place.spool, Endless(), place.timing, [a_result(number=1)], longest=0.05)
    assert done == ((Disposition.LATER,), 0, 1, ("the server was too slow: given up after 0.05 s",), True)
    assert place.deliver(Scripted()).taken == 1
