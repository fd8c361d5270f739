"""One web server that results go to: what is common to Icinga's API and NRDP.

Certificates are always verified, with each call: `REQUESTS_CA_BUNDLE` in the environment overrides a session's own
setting, so the environment (proxies, netrc) is not trusted at all. No redirects: whoever is sent elsewhere would tell
the password there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from checks.plugin.config import ConfigError
from checks.plugin.text import plain
from remediate.monitoring.answer import Disposition, ReceiverAnswer

if TYPE_CHECKING:
    import requests

TIMES = (2.0, 5.0)
"""Seconds for a connection, and for each piece of an answer."""
LARGEST = 1 << 18
"""Bytes of an answer that are read."""
SHOWN = 160
"""Characters of an answer that are shown."""
WRAPPINGS = 8
"""Errors within one another that are looked through."""


class Web:
    """A server, and the connection that is kept to it. Raises ConfigError where the file of its CA can't be used."""

    def __init__(self, url: str, ca: str, login: tuple[str, str] | None = None) -> None:
        self.url = url.rstrip("/")
        self._verify = ca or True
        self._headers = {"Accept": "application/json", **({} if login is None else _basic(*login))}
        self._session: requests.Session | None = None
        if ca:
            _refuse_no_certificate(ca)

    def get(self, path: str, parameters: Mapping[str, str]) -> HttpReply | ReceiverAnswer:
        """GET; what came back, or the fate where nothing did."""
        return self._call("GET", path, parameters, None)

    def post(self, path: str, body: bytes, kind: str) -> HttpReply | ReceiverAnswer:
        """POST with a body of a content type."""
        return self._call("POST", path, {}, body, kind)

    def _call(
        self, method: str, path: str, parameters: Mapping[str, str], body: bytes | None, kind: str = ""
    ) -> HttpReply | ReceiverAnswer:
        import requests

        if self._session is None:
            self._session = requests.Session()
            self._session.trust_env = False
        headers = {**self._headers, **({"Content-Type": kind} if kind else {})}
        try:
            with self._session.request(
                method,
                self.url + path,
                params=dict(parameters),
                data=body,
                headers=headers,
                verify=self._verify,
                timeout=TIMES,
                allow_redirects=False,
                stream=True,
            ) as response:
                return HttpReply(response.status_code, _start(response))
        except requests.RequestException as error:
            return failed(error, self.url)
        except OSError as error:
            return ReceiverAnswer(
                Disposition.LATER, f"{self.url}: {plain(str(error), SHOWN)}", everyone=True, perhaps_arrived=True
            )


class HttpReply(NamedTuple):
    """What a server said."""

    status: int
    body: bytes

    @property
    def values(self) -> dict[str, object]:
        """The JSON object of the body; empty where it is none."""
        import json

        with suppress(ValueError, RecursionError):
            values = json.loads(self.body)
            if isinstance(values, dict):
                return values
        return {}

    @property
    def words(self) -> str:
        """The beginning of the body for a sentence."""
        return plain(self.body.decode("utf-8", "replace").strip(), SHOWN) or "nothing more was said"


def failed(error: requests.RequestException, url: str) -> ReceiverAnswer:
    """The fate of what got no answer, by the kind of error of `requests`."""
    import requests
    import urllib3

    if isinstance(error, requests.exceptions.SSLError):
        why = f"the certificate of {url} is not accepted ({_innermost(error)}): is `ca` the file of its CA, and the "
        return ReceiverAnswer(Disposition.LOCKED, f"{why}name in `url` the certificate's?", everyone=True)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return ReceiverAnswer(Disposition.LOCKED, f"{url} is not an address", everyone=True)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return ReceiverAnswer(Disposition.LATER, f"{url} does not answer", everyone=True)
    if isinstance(error, requests.exceptions.Timeout):
        return ReceiverAnswer(
            Disposition.LATER, f"{url} gave no answer in {TIMES[1]:g} s", everyone=True, perhaps_arrived=True
        )
    connected = not any(isinstance(each, urllib3.exceptions.NewConnectionError) for each in _inwards(error))
    why = f"no connection to {url} ({_innermost(error)})"
    return ReceiverAnswer(Disposition.LATER, why, everyone=True, perhaps_arrived=connected)


def _inwards(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it stands for, through the wrapping of two libraries."""
    inside: BaseException | None = error
    for _ in range(WRAPPINGS):
        if inside is None:
            return
        yield inside
        reason = getattr(inside, "reason", None)
        inside = reason if isinstance(reason, BaseException) else inside.__cause__ or inside.__context__


def _innermost(error: BaseException) -> str:
    """What the operating system or the TLS library said."""
    *_, inside = _inwards(error)
    words = getattr(inside, "strerror", None) or str(inside) or type(inside).__name__
    return plain(str(words).removeprefix("[SSL: CERTIFICATE_VERIFY_FAILED] "), SHOWN)


def _start(response: requests.Response) -> bytes:
    body = b""
    for piece in response.iter_content(1 << 14):
        body += piece
        if len(body) > LARGEST:
            break
    return body[:LARGEST]


def _basic(user: str, password: str) -> dict[str, str]:
    """Basic authentication in UTF-8 (RFC 7617), where `requests` would say it in Latin-1."""
    import base64

    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def _refuse_no_certificate(ca: str) -> None:
    import ssl

    try:
        ssl.create_default_context(cafile=ca)
    except OSError as error:
        reason = error.strerror if not isinstance(error, ssl.SSLError) else "no certificate"
        raise ConfigError(f"{ca}: {reason or error}") from None
