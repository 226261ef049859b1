"""A TCP proxy in front of PostgreSQL whose links break in every way that links do."""

import ctypes
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Final

READ_BYTES: Final = 65536
COMMIT: Final = b"Q\0\0\0\x0bCOMMIT\0"
# What commits by itself: the one statement that appends, or the end of a COPY.
APPEND: Final = b"INSERT INTO staging.event"
COPY_DONE: Final = b"c\0\0\0\x04"
# What a client asks before it says who it is: whether to encrypt, by TLS or by GSSAPI.
ENCRYPTION_REQUESTS: Final = (80877103, 80877104)

SO_ATTACH_FILTER: Final = 26
# A socket filter of one instruction: return 0, which drops a packet before it is acknowledged.
DROP_ALL: Final = struct.pack("HBBI", 0x06, 0, 0, 0)


def drop_packets(connection: socket.socket) -> None:
    """From now on the kernel drops all that comes in, and acknowledges nothing."""
    instructions = ctypes.create_string_buffer(DROP_ALL, len(DROP_ALL))
    program = struct.pack("HL", 1, ctypes.addressof(instructions))
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def reset(connection: socket.socket) -> None:
    """Closes with a RST, as a firewall or a crashed host would."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Wakes the thread that reads, and tells the peer nothing.
        connection.shutdown(socket.SHUT_RD)
    connection.close()


def commits(chunk: bytes) -> bool:
    """Whether the server, having got this, commits."""
    return chunk == COMMIT or APPEND in chunk[:200] or chunk.endswith(COPY_DONE)


class Link:
    """A client's connection, and the server's behind it."""

    def __init__(self, proxy: "Proxy", client: socket.socket, server: socket.socket) -> None:
        self.name = ""
        self.swallows = False
        self.withholds_reply = False
        self.lost_since: float | None = None
        """When it first swallowed what the client sent, by the monotonic clock."""
        self._proxy = proxy
        self._client = client
        self._server = server

    def start(self) -> None:
        for pump in (self._upstream, self._downstream):
            threading.Thread(target=pump, daemon=True).start()

    def black_hole(self) -> None:
        """Everything is acknowledged and nothing forwarded."""
        self.swallows = True

    def half_open(self) -> None:
        """Nothing is acknowledged any more, on either side, and nothing said."""
        self.swallows = True
        drop_packets(self._client)
        drop_packets(self._server)

    def cut(self) -> None:
        reset(self._client)
        reset(self._server)
        self._proxy.forget(self)

    def end(self) -> None:
        """Closes in the ordinary way."""
        for side in (self._client, self._server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
        self._proxy.forget(self)

    def _upstream(self) -> None:
        with suppress(OSError):
            while chunk := self._client.recv(READ_BYTES):
                self._name_by(chunk)
                if self.swallows:
                    self.lost_since = self.lost_since or time.monotonic()
                    continue
                if self._proxy.loses(self, chunk):
                    continue
                time.sleep(self._proxy.delay_seconds)
                self._server.sendall(chunk)
        self._end_unless_silent()

    def _downstream(self) -> None:
        with suppress(OSError):
            while chunk := self._server.recv(READ_BYTES):
                if self.swallows:
                    continue
                if self.withholds_reply:
                    self._proxy.has_lost(self)
                    return
                time.sleep(self._proxy.delay_seconds)
                self._client.sendall(chunk)
        self._end_unless_silent()

    def _end_unless_silent(self) -> None:
        """Behind a black hole the other side never learns that this one has ended."""
        if not self.swallows:
            self.end()

    def _name_by(self, chunk: bytes) -> None:
        """Reads the application's name in the first message that has one."""
        if self.name or len(chunk) < 8:
            return
        _, code = struct.unpack_from("!II", chunk)
        if code in ENCRYPTION_REQUESTS:
            return
        words = chunk[8:].split(b"\0")
        named = dict(zip(words[::2], words[1::2], strict=False))
        self.name = named.get(b"application_name", b"?").decode()
        self._proxy.opened(self.name)


class Proxy:
    """Listens, and forwards to the server's port until it is told otherwise."""

    def __init__(self, server_port: int) -> None:
        self.delay_seconds = 0.0
        # Whether new connections fall silent too.
        self.is_dark = False
        self._server_port = server_port
        self._links: set[Link] = set()
        self._opened: dict[str, float] = {}
        self._loss: tuple[str, bool] | None = None
        self._lost = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def links(self, name: str = "") -> list[Link]:
        """The links of the applications whose name begins so."""
        with self._lock:
            return [link for link in self._links if link.name.startswith(name)]

    def opened_after(self, name: str, moment: float) -> float | None:
        """When an application last opened a connection, where that was after a moment."""
        with self._lock:
            at = self._opened.get(name, moment)
        return at if at > moment else None

    def lose_commit(self, name: str, *, reply_only: bool) -> threading.Event:
        """Loses the application's next COMMIT, or only the reply to it; sets the event then."""
        with self._lock:
            self._lost = threading.Event()
            self._loss = (name, reply_only)
            return self._lost

    def close(self) -> None:
        self._listener.close()
        for link in self.links():
            link.cut()

    # What links tell.

    def opened(self, name: str) -> None:
        with self._lock:
            self._opened[name] = time.monotonic()

    def forget(self, link: Link) -> None:
        with self._lock:
            self._links.discard(link)

    def loses(self, link: Link, chunk: bytes) -> bool:
        """Whether a message is not to be forwarded."""
        if not commits(chunk):
            return False
        with self._lock:
            if self._loss is None or self._loss[0] != link.name:
                return False
            _, reply_only = self._loss
            self._loss = None
        if reply_only:
            link.withholds_reply = True
            return False
        self.has_lost(link)
        return True

    def has_lost(self, link: Link) -> None:
        self._lost.set()
        link.cut()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                self._open(client)

    def _open(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._server_port), timeout=5)
        except OSError:
            reset(client)
            return
        server.settimeout(None)
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(self, client, server)
        link.swallows = self.is_dark
        with self._lock:
            self._links.add(link)
        link.start()
