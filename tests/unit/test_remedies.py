"""What is to be done about a rejected row can be done."""

import re

from commands.repair import replay_command
from pipeline.core.remedies import SEND_AGAIN, remedy_of


def test_a_row_that_breaks_a_rule_is_to_be_sent_again() -> None:
    assert remedy_of("bad_price") == SEND_AGAIN


def test_the_patient_of_a_row_that_waits_for_it_is_to_be_added() -> None:
    assert remedy_of("unknown_patient").startswith("add the patient")


def test_the_replay_that_is_named_can_be_run() -> None:
    found = re.search(r"python src/office\.py replay (.*)", remedy_of("unprocessable"))
    assert found
    context = replay_command.make_context("replay", found[1].split())
    assert context.params["reason"] == "unprocessable"
