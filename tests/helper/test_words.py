# SPDX-License-Identifier: Apache-2.0
"""What server and client say for the command line is told in a host's own words."""

import argparse

import pytest
from void_line.words import in_words, reworded

from void_client.cli import remove

WITHOUT_KNOB = {
    "nuke": {"--cleanplate", "--handles"},
    "resolve": {"--cleanplate", "--view", "--keep", "--upload"},
}
"""Options of `void remove` that a host has nothing for: a message that names one can only mean the command."""

OF_THE_COMMAND = {
    *("--help", "--json", "--detach", "--again", "--local", "--show", "--priority", "--root", "--views"),
    *("--cert", "--key"),
}
"""Options that say how the command itself goes about it."""


def table(host):
    if host == "nuke":
        from void_nuke.words import WORDS
    else:
        from void_resolve.words import WORDS
    return WORDS


def options_of_remove():
    commands = argparse.ArgumentParser().add_subparsers()
    remove.add_parser(commands)
    return {option for option in commands.choices["remove"]._option_string_actions if option.startswith("--")}


@pytest.mark.parametrize("host", ["nuke", "resolve"])
def test_every_option_that_shapes_a_job_has_words_at_a_host_or_nothing_that_stands_for_it(host):
    named = {name for name in table(host) if name.startswith("--")}
    assert named | WITHOUT_KNOB[host] | OF_THE_COMMAND == options_of_remove()
    assert not named & WITHOUT_KNOB[host]


def test_only_whole_options_are_replaced_and_those_of_the_servers_keeper_stay():
    said = reworded("Use --range, not --range-of; ask for --max-frames.", {"--range": "the range"})
    assert said == "Use the range, not --range-of; ask for --max-frames."


def test_the_longest_phrase_counts():
    words = {"the same command": "it", "give the same command again": "press again"}
    assert reworded("Then give the same command again.", words) == "Then press again."


def test_only_texts_for_a_person_are_reworded():
    words = {"--range": "the range"}
    message = {
        "error": {
            "message": "See --range.",
            "file": "/a/--range/b",
            "findings": [{"fix": "Change --range."}],
        },
        "event": {"notes": ["Of --range 3 frames."]},
    }
    assert in_words(message, words) == {
        "error": {
            "message": "See the range.",
            "file": "/a/--range/b",
            "findings": [{"fix": "Change the range."}],
        },
        "event": {"notes": ["Of the range 3 frames."]},
    }


def test_the_words_of_nuke_read_well():
    said = reworded("Use --segmenter sam2 or leave it out, or give mattes with --remove.", table("nuke"))
    assert said == 'Use the segmenter sam2 or leave it out, or give mattes with the input "remove".'


def test_the_words_of_resolve_read_well():
    said = reworded("Render the missing frames, or change --range.", table("resolve"))
    assert said == "Render the missing frames, or change the in and out marks."
