"""What the answers of Icinga and of NRDP mean, row by row."""

from __future__ import annotations

import json

import pytest

from remediate.monitoring import icinga, nrdp
from remediate.monitoring.answer import Answer, Fate
from remediate.monitoring.web import Reply

OF_ICINGA = {
    200: (Fate.TAKEN, False, "taken"),
    400: (Fate.REFUSED, False, "it does not understand the result: what it says"),
    401: (Fate.LOCKED, True, "user or password is wrong (`[icinga] credentials`)"),
    403: (Fate.LOCKED, True, "the user u may not submit (actions/process-check-result)"),
    404: (Fate.REFUSED, False, "no service h!s, or the user u may not submit (actions/process-check-result)"),
    409: (Fate.TAKEN, False, "it has a newer result of h!s already"),
    429: (Fate.LATER, True, "it is asked too often"),
    500: (Fate.LATER, False, "what it says"),
    503: (Fate.LATER, True, "it is not ready: what it says"),
}


@pytest.mark.parametrize("status", OF_ICINGA)
@pytest.mark.parametrize("where", ["at the top", "in the first result"])
def test_every_status_of_icinga_has_its_meaning(status: int, where: str) -> None:
    said: dict[str, object] = {"status": "what it says"}
    body = json.dumps(said if where == "at the top" else {"results": [said]}).encode()
    fate, everyone, says = OF_ICINGA[status]
    assert icinga.meaning(Reply(status, body), "h!s", "u") == Answer(fate, says, everyone)


def test_the_table_of_icinga_has_no_other_row() -> None:
    assert [row[0] for row in icinga.MEANINGS] == list(OF_ICINGA)


@pytest.mark.parametrize("status", [502, 504, 599])
def test_a_gateway_in_front_of_icinga_may_recover(status: int) -> None:
    assert icinga.meaning(Reply(status, b"<h1>gateway</h1>"), "h!s", "u").fate is Fate.LATER


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
    answer = icinga.meaning(Reply(status, body), "h!s", "u")
    assert (answer.fate, answer.everyone) == (Fate.LOCKED, True)
    assert "is `url` that of its API?" in answer.says


def test_what_a_server_says_is_made_printable_and_short() -> None:
    body = json.dumps({"status": "\x1b[31m" + "x" * 9000}).encode()
    says = icinga.meaning(Reply(400, body), "h!s", "u").says
    assert says.isprintable() and len(says) < 250


OF_NRDP = [
    *[(word, Fate.LOCKED) for word in ("BAD TOKEN", "NO TOKEN", "NO TOKENS", "DENIED TOKEN", "BAD_USER")],
    *[(word, Fate.LOCKED) for word in ("NOT AUTHENTICATED", "HTTPS REQUIRED", "NOT ENABLED", "NO COMMAND")],
    ("COMMANDS DISABLED", Fate.LOCKED),
    *[(word, Fate.REFUSED) for word in ("BAD JSON", "BAD XML", "NO DATA")],
    *[(word, Fate.LATER) for word in ("NO CHECK RESULTS DIR", "BAD CHECK RESULTS DIR", "WRITE ERROR")],
    ("CANNOT OPEN TEMP FILE", Fate.LATER),
    ("SOMETHING NEW", Fate.LOCKED),
    ("", Fate.LOCKED),
]


@pytest.mark.parametrize(("word", "fate"), OF_NRDP)
def test_every_refusal_of_nrdp_has_its_meaning(word: str, fate: Fate) -> None:
    body = json.dumps({"result": {"status": -1, "message": word}}).encode()
    answer = nrdp.meaning(Reply(200, body))
    assert (answer.fate, answer.everyone) == (fate, fate is not Fate.REFUSED)
    assert word in answer.says


def test_every_word_of_the_table_of_nrdp_is_tested() -> None:
    assert {word for row in nrdp.REFUSALS for word in row[0]} <= {word for word, _ in OF_NRDP}


def test_nrdp_takes_a_result_with_status_0_only() -> None:
    for status in (0, "0"):
        assert nrdp.meaning(Reply(200, json.dumps({"result": {"status": status}}).encode())).fate is Fate.TAKEN
    assert nrdp.meaning(Reply(200, b'{"result": {"status": 1}}')).fate is Fate.LOCKED


@pytest.mark.parametrize(
    ("status", "body", "fate"),
    [
        (200, b"<result><status>-1</status></result>", Fate.LOCKED),
        (200, b"[]", Fate.LOCKED),
        (404, b"", Fate.LOCKED),
        (301, b"", Fate.LOCKED),
        (500, b"", Fate.LATER),
        (503, b'{"result": {"status": 0}}', Fate.LATER),
    ],
)
def test_what_is_not_nrdps_is_said(status: int, body: bytes, fate: Fate) -> None:
    assert nrdp.meaning(Reply(status, body)).fate is fate
