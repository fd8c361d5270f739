"""`hastwatch submit --to nrdp` against a small stand-in for NRDP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.monitoring.nrdp_double import NrdpDouble, nrdp_double
from tests.monitoring.submitter import TOKEN, Submitter


@pytest.fixture
def place(tmp_path: Path) -> Submitter:
    return Submitter(tmp_path)


@pytest.fixture
def nrdp(place: Submitter) -> Iterator[NrdpDouble]:
    with nrdp_double() as server:
        place.configure("nrdp", table(place, server.url))
        yield server


def table(place: Submitter, url: str) -> str:
    return (
        f'[nrdp]\nurl = "{url}"\ncredentials = "{place.credentials}"\nhost = "nfs001"\n'
        'services = { check_thing = "the thing" }'
    )


def test_a_result_arrives(place: Submitter, nrdp: NrdpDouble) -> None:
    place.plugin_says("THING CRITICAL - bad; very \\ bad | n=1;2;3 m=4s\nmore\nand more\n", 2)
    done = place.submit()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert nrdp.results == [
        {
            "checkresult": {"type": "service", "checktype": "1"},
            "hostname": "nfs001",
            "servicename": "the thing",
            "state": "2",
            "output": "THING CRITICAL - bad; very \\\\ bad|n=1;2;3 m=4s\\nmore\\nand more",
        }
    ]


def test_a_wrong_token_is_said_without_it_and_the_result_waits(place: Submitter, nrdp: NrdpDouble) -> None:
    place.credentials.write_text('token = "another secret"\n')
    done = place.submit()
    assert (done.returncode, nrdp.results) == (75, [])
    assert done.stderr == (
        f"hastwatch submit: 1 result waits in the spool; {nrdp.url}: "
        "the token is wrong (`[nrdp] credentials`): BAD TOKEN\n"
    )
    place.credentials.write_text(f'token = "{TOKEN}"\n')
    assert place.submit("--flush", check=False).returncode == 0
    assert (len(nrdp.results), place.waiting("nrdp")) == (1, [])


def test_a_redirect_is_not_followed_with_the_token(place: Submitter, nrdp: NrdpDouble) -> None:
    nrdp.instead = (302, {"Location": f"{nrdp.url}elsewhere"}, b"")
    done = place.submit()
    assert (done.returncode, nrdp.requests) == (75, ["/nrdp/"])
    assert "HTTP 302, which is not NRDP's" in done.stderr


def test_a_proxy_of_the_environment_is_not_used(place: Submitter, nrdp: NrdpDouble) -> None:
    proxy = {"http_proxy": "http://127.0.0.1:1/", "HTTP_PROXY": "http://127.0.0.1:1/", "ALL_PROXY": "socks5://x:1"}
    done = place.submit(environment=proxy)
    assert (done.returncode, len(nrdp.results)) == (0, 1)


@pytest.mark.slow
def test_a_server_that_is_down_is_said_and_the_result_waits(place: Submitter) -> None:
    with nrdp_double() as server:
        url = server.url
    place.configure("nrdp", table(place, url))
    done = place.submit()
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (75, "", 1)
    assert "1 result waits in the spool" in done.stderr
    assert f"no connection to {url.rstrip('/')} (Connection refused)" in done.stderr
    assert place.waiting("nrdp") == ["THING OK - all is well"]


@pytest.mark.slow
def test_an_error_of_the_server_is_tried_again_later(place: Submitter, nrdp: NrdpDouble) -> None:
    nrdp.instead = (503, {}, b"busy")
    done = place.submit()
    assert (done.returncode, len(nrdp.requests)) == (75, 3)
    assert "HTTP 503: busy" in done.stderr
