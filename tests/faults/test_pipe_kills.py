"""A slice of `make pipe-kills`, always the same."""

from contextlib import closing
from pathlib import Path
from random import Random

from faults.pipe_kills import Pair, suffer

SEED = "a slice"


def test_a_kill_costs_at_most_what_was_read_at_once(database_url: str, tmp_path: Path) -> None:
    with closing(Pair(database_url, tmp_path)) as pair:
        found = suffer(pair, Random(SEED), sender_kills=2, ingestor_kills=2, say=print)
        assert found == []
        # The ingestor that could not stage what it had read.
        assert sum(len(pair.gaps(stream)) for stream in ("claim", "diagnose")) >= 1
