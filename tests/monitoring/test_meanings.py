"""What the answers of Icinga and of NRDP mean, row by row."""

from __future__ import annotations

import json

import pytest

from remediate.monitoring import icinga, nrdp
from remediate.monitoring.answer import Disposition, ReceiverAnswer
from remediate.monitoring.web import HttpReply

OF_ICINGA = {
    200: (Disposition.TAKEN, False, "taken"),
    400: (Disposition.REFUSED, False, "it does not understand the result: what it says"),
    401: (Disposition.LOCKED, True, "user or password is wrong (`[icinga] credentials`)"),
    403: (Disposition.LOCKED, True, "the user u may not submit (actions/process-check-result)"),
    404: (Disposition.REFUSED, False, "no service h!s, or the user u may not submit (actions/process-check-result)"),
    409: (Disposition.TAKEN, False, "it has a newer result of h!s already"),
    429: (Disposition.LATER, True, "too many requests"),
    500: (Disposition.LATER, False, "what it says"),
    503: (Disposition.LATER, True, "it is not ready: what it says"),
}


@pytest.mark.parametrize("status", OF_ICINGA)
@pytest.mark.parametrize("where", ["at the top", "in the first result"])
def test_every_status_of_icinga_has_its_meaning(status: int, where: str) -> None:
    values: dict[str, object] = {"status": "what it says"}
    body = json.dumps(values if where == "at the top" else {"results": [values]}).encode()
    fate, everyone, says = OF_ICINGA[status]
    assert icinga.meaning(HttpReply(status, body), "h!s", "u") == ReceiverAnswer(fate, says, everyone)


def test_the_table_of_icinga_has_no_other_row() -> None:
    assert [row[0] for row in icinga.MEANINGS] == list(OF_ICINGA)


@pytest.mark.parametrize("status", [502, 504, 599])
def test_a_gateway_in_front_of_icinga_may_recover(status: int) -> None:
    assert icinga.meaning(HttpReply(status, b"<h1>gateway</h1>"), "h!s", "u").fate is Disposition.LATER


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<h1>hi</h1>"),
        (404, b"not found"),
        (404, b'{"error":404,"status":"The requested path \'x\' could not be found"}'),
        (302, b""),
        (418, b"{}"),
    ],
)
def test_another_web_server_than_icinga_is_a_humans_to_mend(status: int, body: bytes) -> None:
    answer = icinga.meaning(HttpReply(status, body), "h!s", "u")
    assert (answer.fate, answer.everyone) == (Disposition.LOCKED, True)
    assert "is `url` that of its API?" in answer.says


def test_what_a_server_says_is_made_printable_and_short() -> None:
    body = json.dumps({"status": "\x1b[31m" + "x" * 9000}).encode()
    says = icinga.meaning(HttpReply(400, body), "h!s", "u").says
    assert says.isprintable() and len(says) < 250


OF_NRDP = [
    *[(word, Disposition.LOCKED) for word in ("BAD TOKEN", "NO TOKEN", "NO TOKENS", "DENIED TOKEN", "BAD_USER")],
    *[(word, Disposition.LOCKED) for word in ("NOT AUTHENTICATED", "HTTPS REQUIRED", "NOT ENABLED", "NO COMMAND")],
    ("COMMANDS DISABLED", Disposition.LOCKED),
    *[(word, Disposition.REFUSED) for word in ("BAD JSON", "BAD XML", "NO DATA")],
    *[(word, Disposition.LATER) for word in ("NO CHECK RESULTS DIR", "BAD CHECK RESULTS DIR", "WRITE ERROR")],
    ("CANNOT OPEN TEMP FILE", Disposition.LATER),
    ("SOMETHING NEW", Disposition.LOCKED),
    ("", Disposition.LOCKED),
]


@pytest.mark.parametrize(("word", "fate"), OF_NRDP)
def test_every_refusal_of_nrdp_has_its_meaning(word: str, fate: Disposition) -> None:
    body = json.dumps({"result": {"status": -1, "message": word}}).encode()
    answer = nrdp.meaning(HttpReply(200, body))
    assert (answer.fate, answer.everyone) == (fate, fate is not Disposition.REFUSED)
    assert word in answer.says


def test_every_word_of_the_table_of_nrdp_is_tested() -> None:
    assert {word for row in nrdp.REFUSALS for word in row[0]} <= {word for word, _ in OF_NRDP}


def test_nrdp_takes_a_result_with_status_0_only() -> None:
    for status in (0, "0"):
        assert (
            nrdp.meaning(HttpReply(200, json.dumps({"result": {"status": status}}).encode())).fate is Disposition.TAKEN
        )
    assert nrdp.meaning(HttpReply(200, b'{"result": {"status": 1}}')).fate is Disposition.LOCKED


@pytest.mark.parametrize(
    ("status", "body", "fate"),
    [
        (200, b"<result><status>-1</status></result>", Disposition.LOCKED),
        (200, b"[]", Disposition.LOCKED),
        (404, b"", Disposition.LOCKED),
        (301, b"", Disposition.LOCKED),
        (500, b"", Disposition.LATER),
        (503, b'{"result": {"status": 0}}', Disposition.LATER),
    ],
)
def test_what_is_not_nrdps_is_said(status: int, body: bytes, fate: Disposition) -> None:
    assert nrdp.meaning(HttpReply(status, body)).fate is fate
