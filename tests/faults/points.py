"""Named points of a process's life, at which it can be told to kill or to stop itself."""

import json
import os
import signal
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

# The environment variable that names the file which says where to kill or stop oneself.
ARMED: Final = "FAULT_ARMED"


@dataclass(frozen=True)
class Order:
    """At which point, at which occurrence of it from now on, to send oneself which signal."""

    point: str
    occurrence: int = 1
    signal_number: int = signal.SIGKILL


class Fuse:
    """The file that a process looks at, on the harness's side."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def arm(self, order: Order) -> None:
        work = self.path.with_suffix(".new")
        # The time tells an order from an earlier one that says the same.
        work.write_text(json.dumps({**asdict(order), "armed_at": time.monotonic_ns()}))
        work.replace(self.path)

    def disarm(self) -> None:
        self.path.unlink(missing_ok=True)

    @property
    def is_armed(self) -> bool:
        """False again once the process has come to the point."""
        return self.path.exists()


class Points:
    """Told of every point that the process comes to; obeys the order that is in the file."""

    def __init__(self, armed: str | None) -> None:
        self._armed = Path(armed) if armed else None
        self._order: dict[str, Any] | None = None
        self._passed = 0
        self._counting = threading.Lock()

    def __call__(self, point: str) -> None:
        """The process has come to this point."""
        if self._armed is None:
            return
        with self._counting:
            try:
                order = json.loads(self._armed.read_text())
            except FileNotFoundError:
                return
            if self._order != order:
                self._order, self._passed = order, 0
            self._passed += point == order["point"]
            if self._passed == order["occurrence"]:
                # Gone first: a stopped process that goes on must not come upon it again.
                self._armed.unlink()
                os.kill(os.getpid(), order["signal_number"])
