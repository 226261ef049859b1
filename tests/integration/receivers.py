"""Receivers of messages that listen on this machine: a web server and a mail server."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Web(BaseHTTPRequestHandler):
    """Takes JSON."""

    taken: list[dict[str, Any]]
    status = HTTPStatus.OK

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append(json.loads(body))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def web_receiver(
    *, status: HTTPStatus = HTTPStatus.OK
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A web server; its Apprise URL, with a secret in it, and what it has taken."""
    taken: list[dict[str, Any]] = []
    handler = type("Handler", (Web,), {"taken": taken, "status": status})
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as port:
        yield f"json://clerk:s3cret@127.0.0.1:{port}/t0ken?cto=1&rto=1", taken


class Mail(socketserver.StreamRequestHandler):
    """Takes mail, as RFC 5321 says, without encryption."""

    taken: list[str]

    def handle(self) -> None:
        self._say("220 here")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                self._say("354 go on")
                self.taken.append(text_of(self._mail()))
            self._say("221 bye" if word == b"QUIT" else "250 ok")

    def _mail(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(
            line.removeprefix(b".") if line.startswith(b"..") else line for line in lines
        )

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def text_of(mail: bytes) -> str:
    """The subject and the readable parts of a mail."""
    message = message_from_bytes(mail, policy=policy.default)
    parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    return "\n".join([str(message["Subject"]), *parts])


@contextmanager
def mail_receiver() -> Iterator[tuple[str, list[str]]]:
    """A mail server; its Apprise URL and what it has taken."""
    taken: list[str] = []
    handler = type("Handler", (Mail,), {"taken": taken})
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)) as port:
        yield f"mailto://127.0.0.1:{port}?from=office@example.org&to=clerk@example.org", taken


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    """Serves in a thread; the port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
