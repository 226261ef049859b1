"""What a Ctrl-C reaches, and how soon."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def own_ctrl_c() -> Iterator[None]:
    """While the context lasts, a Ctrl-C reaches this process and not the one that started it.

    `make` would report an interrupt as its own failure, although we drain and end well. A shell
    starts each command so by itself; there, and without a terminal, nothing changes.
    """
    if not sys.stdin.isatty() or os.getpgrp() == os.getpid():
        yield
        return
    terminal = sys.stdin.fileno()
    starter = os.tcgetpgrp(terminal)
    # Handing over the terminal from the background would stop us; and stopped by Ctrl-Z, we
    # would leave a starter behind that waits and knows nothing of it.
    for number in (signal.SIGTTOU, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(terminal, starter)


@contextmanager
def at_ctrl_c(call: Callable[[], None], *, does_it: Callable[[], bool]) -> Iterator[None]:
    """While the context lasts, calls at once, from a thread, when Ctrl-C is pressed.

    The interrupt itself has to wait until a statement that is under way returns; what is called
    can break that off.

    Args:
        call: what to call.
        does_it: says that the call is enough for now; else the interrupt comes, too.
    """
    noticed, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        while number := noticed.recv(1):
            if number[0] == signal.SIGINT:
                call()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if not does_it():
            raise KeyboardInterrupt

    thread = threading.Thread(target=listen, name="Ctrl-C", daemon=True)
    thread.start()
    handler = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.set_wakeup_fd(before)
        told.close()
        thread.join()
        noticed.close()
