# SPDX-License-Identifier: Apache-2.0
"""Who finds the object of an order in words, and who looks for its effects: by what is named and what is there."""

from __future__ import annotations

import pytest
from void.v1 import types_pb2

from void_server.jobs.words import finder_of, in_words, reasoner_of

ALL = ("grounding", "openai", "gemini")


@pytest.mark.parametrize(
    ("wanted", "reasoner", "there", "finder"),
    [
        ("", "", ALL, "grounding"),
        ("", "openai", ALL, "grounding"),
        ("", "", ("openai", "gemini"), "openai"),
        ("", "", ("gemini",), "gemini"),
        ("", "gemini", ("openai", "gemini"), "gemini"),
        ("", "gemini", ("openai",), ""),
        ("", "motion", ("openai", "gemini"), ""),
        ("", "motion", ALL, "grounding"),
        ("model", "", ALL, "openai"),
        ("model", "", ("grounding",), ""),
        ("grounding", "", ("openai",), ""),
        ("", "", (), ""),
    ],
)
def test_the_local_model_comes_first_and_a_model_is_asked_only_where_no_other_reasoner_is_named(
    wanted, reasoner, there, finder
):
    settings = types_pb2.Settings(reasoner=reasoner, options={"finder": wanted} if wanted else {})
    assert finder_of(settings, there) == finder


@pytest.mark.parametrize("given", ["remove", "quadmask", "points", "boxes"])
def test_whatever_shows_the_object_is_more_than_words(given):
    shot = types_pb2.Shot(instruction="remove the cup")
    assert in_words(shot)
    target = getattr(shot, given)
    (target.files if given in ("remove", "quadmask") else target).add(frame=1)
    assert not in_words(shot)


def test_blanks_are_no_words():
    assert not in_words(types_pb2.Shot(instruction=" \n"))


def test_the_model_that_finds_the_object_tells_its_effects_unless_another_reasoner_is_named_or_they_are_drawn():
    shot, settings = types_pb2.Shot(), types_pb2.Settings()
    assert reasoner_of(shot, settings, "openai") == "openai"
    assert reasoner_of(shot, settings, "grounding") == reasoner_of(shot, settings, "") == "motion"
    assert reasoner_of(shot, types_pb2.Settings(reasoner="none"), "openai") == "none"
    shot.affected.files.add(frame=1)
    assert reasoner_of(shot, settings, "openai") == "artist"
