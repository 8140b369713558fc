# SPDX-License-Identifier: Apache-2.0
"""Which things an instruction names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_server.finders.phrases import MOST_LETTERS, MOST_PHRASES, named_phrases, noun_phrases

VERBS = (
    "remove",
    "delete",
    "erase",
    "take out",
    "get rid of",
    "paint out",
    "please remove",
    "Could you delete",
)
ARTICLES = ("", "the ", "a ", "an ", "those ")
NOUNS = st.lists(
    st.sampled_from(
        ["coffee cup", "saucer", "red car", "man with a hat", "dog's lead", "boom mic", "c-stand"]
    ),
    min_size=1,
    max_size=5,
    unique=True,
)


@pytest.mark.parametrize(
    ("instruction", "things"),
    [
        ("remove the coffee cup and correct the light on the sleeve", ("coffee cup",)),
        ("Remove the coffee cup, and fix the light.", ("coffee cup",)),
        ("Please take out the cup and the saucer", ("cup", "saucer")),
        (
            "get rid of the boom mic, the stand & a cable, then restore the wall",
            ("boom mic", "stand", "cable"),
        ),
        ("Remove the cup. Keep the spoon.", ("cup",)),
        ("Keep the spoon. Remove the cup.", ("cup",)),
        ("Remove the cup. The light on the sleeve is wrong.", ("cup",)),
        ("Remove the cup. Delete the saucer.", ("cup", "saucer")),
        ("remove the cup and delete the saucer and match the grain", ("cup", "saucer")),
        ("the coffee cup", ("coffee cup",)),
        ("Paint out the man in the red coat from the shot", ("man in the red coat",)),
        ("remove the cup, its shadow and the reflections", ("cup",)),
        ("Correct the light.", ()),
        ("", ()),
        ("!?", ()),
    ],
)
def test_the_things_of_an_instruction(instruction: str, things: tuple[str, ...]) -> None:
    assert noun_phrases(instruction) == things


@given(
    st.sampled_from(VERBS), st.sampled_from(ARTICLES), NOUNS, st.sampled_from([", ", " and ", ", and ", "; "])
)
def test_a_verb_articles_and_any_list_give_the_things_of_the_list(verb, article, nouns, between) -> None:
    said = f"{verb} {between.join(article + noun for noun in nouns)}"
    assert noun_phrases(said) == tuple(nouns)


@given(
    NOUNS,
    st.sampled_from(["correct", "fix", "repair", "keep", "adjust"]),
    st.sampled_from([" and ", ", ", ", then "]),
)
def test_what_is_to_be_corrected_is_never_a_thing_to_look_for(nouns, verb, between) -> None:
    said = f"remove the {' and the '.join(nouns)}{between}{verb} the window and the wall"
    assert noun_phrases(said) == tuple(nouns)


WORDS = st.sampled_from(("remove", "the", "and", ",", ".", "cup", "a", "fix", "saucer", ";", "out", "from"))


@given(st.text(max_size=300) | st.lists(WORDS).map(" ".join))
def test_any_text_gives_few_clean_phrases_that_read_the_same_when_they_are_named(text) -> None:
    for found in (noun_phrases(text), named_phrases(text)):
        assert len(found) <= MOST_PHRASES and len(set(found)) == len(found)
        for phrase in found:
            assert 0 < len(phrase) <= MOST_LETTERS and phrase == " ".join(phrase.split())
            assert "." not in phrase and ";" not in phrase and not phrase.startswith(("the ", "a "))
        assert named_phrases("; ".join(found)) == found


def test_what_is_named_outright_is_parted_at_semicolons_only() -> None:
    assert named_phrases("The salt and pepper shaker; saucer;; Saucer") == (
        "salt and pepper shaker",
        "saucer",
    )
