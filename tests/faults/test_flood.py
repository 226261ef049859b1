"""A flood at 100 times the rate, the database held up for half of the time: memory stays bounded.

OFFICE_FLOOD_SECONDS says how long; the long run takes 60.
"""

import os
import time
from contextlib import closing

from faults.faults import MEMORY_KILOBYTES, locked, peak_memory_kilobytes
from faults.lane import Lane
from faults.server import own_port
from waits import wait_for

SECONDS = float(os.environ.get("OFFICE_FLOOD_SECONDS", "4"))
USUAL_PUBLISH_SECONDS = 2.0
TIMES = 100
STREAMS = 2


def test_a_flood_takes_no_more_memory_than_is_allowed() -> None:
    with closing(Lane("flood", port=own_port(), analytics=False)) as lane:
        lane.flow()
        lane.settle()
        lane.stop_ingestor()
        # The office's own publisher, in its own process, as it is run.
        flooded = lane.start(
            "faults.launcher",
            "ingestor",
            OFFICE_PUBLISH_SECONDS=str(USUAL_PUBLISH_SECONDS / TIMES),
        )
        flooded.wait_until(lambda: "receiving" in flooded.err)
        before = staged(lane)
        with locked(lane, "staging.event"):
            time.sleep(SECONDS / 2)
        # While nobody holds it up, it keeps the pace, be the machine busy or not.
        enough = before + 0.5 * SECONDS / 2 * TIMES / USUAL_PUBLISH_SECONDS * STREAMS
        assert wait_for(lambda: staged(lane) > enough)
        used = peak_memory_kilobytes(flooded.process.pid)
        flooded.process.terminate()
        assert lane.ended(flooded, 10) == 0
        assert wait_for(lambda: lane.checker.pending() == 0)
    assert used < MEMORY_KILOBYTES


def staged(lane: Lane) -> int:
    [(count,)] = lane.fetch("SELECT count(*) FROM staging.event")
    return int(count)
