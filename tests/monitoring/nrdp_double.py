"""A small stand-in for NRDP: HTTP on loopback, the token checked, every submitted result kept; or any other answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.monitoring.submitter import TOKEN


class NrdpDouble(ThreadingHTTPServer):
    """`results` is what was taken; `instead` an answer (status, headers, body) that replaces NRDP's own."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.results: list[dict[str, object]] = []
        self.requests: list[str] = []
        self.instead: tuple[int, dict[str, str], bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/nrdp/"

    def answer(self, form: dict[str, list[str]]) -> tuple[int, str]:
        """NRDP's status and message."""
        if form.get("token") != [TOKEN]:
            return -1, "BAD TOKEN"
        if form.get("cmd") != ["submitcheck"]:
            return -1, "NO COMMAND"
        try:
            self.results += json.loads(form["JSONDATA"][0])["checkresults"]
        except (ValueError, KeyError):
            return -1, "BAD JSON"
        return 0, "OK"


class _Handler(BaseHTTPRequestHandler):
    server: NrdpDouble

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.requests.append(self.path)
        if self.server.instead:
            status, headers, raw = self.server.instead
        else:
            code, message = self.server.answer(parse_qs(body))
            status, headers = 200, {"Content-Type": "application/json"}
            raw = json.dumps({"result": {"status": code, "message": message}}).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(raw))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@contextmanager
def nrdp_double() -> Iterator[NrdpDouble]:
    """One that serves as long as it lasts."""
    with NrdpDouble() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
