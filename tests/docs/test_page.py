"""What is read from a page: commands, what they show, and the remarks before a block."""

from __future__ import annotations

import pytest

from tests.docs.page import Block, PageError, Step, read_page


def blocks(text: str) -> tuple[Block, ...]:
    return read_page(text).blocks


def only(text: str) -> Block:
    (block,) = blocks(text)
    return block


def test_a_dollar_begins_a_command_and_the_rest_is_what_it_showed() -> None:
    block = only("```console\n$ cube status\nNAME\n\nweb\n$ cube stop web\n```\n")

    assert block.steps == (
        Step("cube status", ("NAME", "", "web")),
        Step("cube stop web", ()),
    )


def test_a_backslash_carries_a_command_on() -> None:
    assert only("```console\n$ cube run \\\n    busybox\ndone\n```\n").steps == (
        Step("cube run \\\n    busybox", ("done",)),
    )


def test_every_line_of_a_script_is_a_command_of_which_nothing_is_shown() -> None:
    text = "```sh\n# first this\na\n\nb &&\n  c |\n  d\n```\n"

    assert only(text).steps == (Step("a", None), Step("b &&\n  c |\n  d", None))


def test_blocks_in_other_languages_have_no_commands() -> None:
    block = only("```json\n{}\n```\n")

    assert (block.language, block.text, block.steps) == ("json", "{}\n", ())


def test_remarks_steer_the_block_that_follows_and_no_other() -> None:
    text = (
        "<!-- before:\nmkdir x\ncd x\n-->\n<!-- exit: 4 -->\n<!-- eventually -->\n```sh\na\n```\n"
        "<!-- follows -->\n```sh\nb\n```\n<!-- file: web.json -->\n```json\n```\n"
        "<!-- not run: needs a network -->\n```sh\nc\n```\n"
    )
    first, second, third, fourth = blocks(text)

    assert (first.before, first.exit, first.eventually) == (("mkdir x", "cd x"), 4, True)
    assert (second.before, second.exit, second.eventually, second.follows) == ((), 0, False, True)
    assert third.file == "web.json"
    assert fourth.not_run == "needs a network"


def test_the_cluster_is_named_at_the_top() -> None:
    assert read_page("<!-- cluster:\nmanager start\nworker start\n-->\n# Title\n").cluster == (
        "manager start",
        "worker start",
    )
    assert read_page("<!-- cluster: none -->\n# Title\n").cluster == ()


def test_a_block_knows_its_line() -> None:
    assert only("# Title\n\n```sh\na\n```\n").line == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<!-- exot: 4 -->\n```sh\na\n```\n", "line 1: no remark"),
        ("<!-- exit: 4 -->\n\n```sh\na\n```\n", "line 1: `exit` is not right before a block"),
        ("<!-- exit: 4 -->\n", "the end: `exit` is not right before a block"),
        ("<!-- exit: 4 -->\n```json\n{}\n```\n", "line 2: a block in json is not run"),
        ("<!-- not run -->\n```sh\na\n```\n", "line 1: `not run` needs a value"),
        ("<!-- eventually: soon -->\n```sh\na\n```\n", "line 1: `eventually` takes no value"),
        ("<!-- exit: 1 -->\n<!-- exit: 2 -->\n```sh\na\n```\n", "line 2: `exit` is said twice"),
        ("```\n$ cube status\n```\n", "line 1: commands stand in a block in console or sh"),
        ("```console\nNAME\n```\n", "begins with a command, not with: NAME"),
        ("```sh\na\n```\n<!-- cluster: dev -->\n", "line 4: `cluster` belongs at the top"),
        ("# Title\n```sh\na\n", "line 2: what begins here has no end"),
        ("# Title\n<!-- exit: 4\n", "line 2: what begins here has no end"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_its_line(text: str, complaint: str) -> None:
    with pytest.raises(PageError, match=complaint):
        read_page(text)
