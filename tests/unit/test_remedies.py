"""What is to be done about a rejected row can be done."""

import re

import pytest

from commands.repair import replay_command
from pipeline.core.remedies import OTHER_REMEDIES, SEND_AGAIN, remedy_of


def test_a_row_that_breaks_a_rule_is_to_be_sent_again() -> None:
    assert remedy_of("bad_price") == SEND_AGAIN


@pytest.mark.parametrize("reason", OTHER_REMEDIES)
def test_a_replay_that_is_named_can_be_run(reason: str) -> None:
    found = re.search(r"python src/office\.py replay (.*)", remedy_of(reason))
    assert found
    context = replay_command.make_context("replay", found[1].split())
    assert context.params["reason"] == reason
