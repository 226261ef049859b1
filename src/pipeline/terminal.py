"""Takes a terminal's Ctrl-C for this process alone."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


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
