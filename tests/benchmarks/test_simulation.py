"""A small simulation of many offices, and what shows that a wrong figure would be noticed."""

from contextlib import closing

from benchmarks.simulation import OfficesEvents, differences, simulate
from faults.crowd import Crowd
from pipeline.schema.offices import PER_OFFICE

OFFICES = 50
SECONDS = 5


def test_revenue_of_many_offices_is_the_model_s() -> None:
    events = OfficesEvents(OFFICES, "a slice")
    with closing(Crowd("a slice", port=27900, events=events, ids=PER_OFFICE)) as crowd:
        simulate(crowd, offices=OFFICES, seconds=SECONDS)
        assert crowd.run("analytics") == []
        assert len(events.published) == SECONDS * OFFICES
        assert differences(crowd, events, each_office=True) == []
        crowd.reader.rows("UPDATE analytics.revenue_by_diagnosis SET revenue = revenue + 0.01")
        assert differences(crowd, events, each_office=True) != []
