"""Handles Ctrl-C: which process it reaches, and how soon it has an effect."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def own_ctrl_c() -> Iterator[None]:
    """While the context lasts, a Ctrl-C reaches this process and not the one that started it.

    Otherwise `make` would report the interrupt as a failure, although we drain and end without
    error. A shell already starts each command in its own process group; then, and without a
    terminal, nothing changes.
    """
    if not sys.stdin.isatty() or os.getpgrp() == os.getpid():
        yield
        return
    terminal = sys.stdin.fileno()
    starter = os.tcgetpgrp(terminal)
    # Without this, taking the terminal as a background process would stop us. And Ctrl-Z would stop
    # us while the process that started us waits without knowing it.
    for number in (signal.SIGTTOU, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        # It may have been closed.
        with suppress(OSError):
            os.tcsetpgrp(terminal, starter)


@contextmanager
def at_ctrl_c(call: Callable[[], None], *, does_it: Callable[[], bool]) -> Iterator[None]:
    """While the context lasts, calls a function from a thread as soon as Ctrl-C is pressed.

    Python itself would raise KeyboardInterrupt only after the running statement has returned; the
    function can cancel that statement. The same holds for SIGTERM and SIGHUP where they raise
    KeyboardInterrupt.

    Args:
        call: the function.
        does_it: says whether the call is enough; if not, KeyboardInterrupt is raised as well.
    """
    noticed, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    handlers = {
        number: handler for number in STOP_SIGNALS if callable(handler := signal.getsignal(number))
    }

    def listen() -> None:
        while number := noticed.recv(1):
            if number[0] in handlers:
                call()

    def interrupt(number: int, frame: FrameType | None) -> None:
        try:
            handlers[signal.Signals(number)](number, frame)
        except KeyboardInterrupt:
            if not does_it():
                raise

    thread = threading.Thread(target=listen, name="Ctrl-C", daemon=True)
    thread.start()
    for number in handlers:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            # A handler may have chosen another one for the next time.
            if signal.getsignal(number) is interrupt:
                signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        told.close()
        thread.join()
        noticed.close()
