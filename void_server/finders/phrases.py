# SPDX-License-Identifier: Apache-2.0
"""The things that an instruction wants to be gone, as short phrases that a text-grounding model reads.

"Please remove the coffee cup and the saucer, and correct the light on the sleeve." gives "coffee cup" and "saucer":

1. Words are taken in lower case, in sentences; the first one that names something counts, with those after it that
   begin with a verb of removal again.
2. A sentence ends where a verb of another kind begins ("and correct", ", then fix"): what comes after it stays.
3. A verb of removal at the beginning is dropped, as is what is said in politeness before it.
4. What is left is a list, parted at commas, semicolons, "and", "&" and "plus". Articles and the like go from the
   beginning of each entry, and "from the shot" from its end.
5. Shadows and reflections are left out: they are effects, and found by the reasoner.

It knows words, not grammar: "the salt and pepper shaker" are two things to it. `named_phrases` reads a list that says
outright what is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_PHRASES = 8
"""Things that are looked for at once; what is named after them is not."""
MOST_LETTERS = 100
"""Of a phrase; longer ones are no name of a thing."""

_REMOVING = (
    r"(?:remove|removing|delete|deleting|erase|erasing|eliminate|take out|take away|get rid of|getting rid of"
    r"|paint out|painting out|cut out|wipe out|wipe away|clear away|edit out)"
)
_OTHER = (
    r"(?:correct|fix|repair|restore|adjust|match|relight|keep|leave|preserve|fill|replace|rebuild|reconstruct"
    r"|make|change|clean up|clean|smooth|blend|add|put|let|do not|don't|show|use)"
)
_POLITE = r"(?:please|kindly|now|also|then|just|can you|could you|would you|you should|i want you to|we need to|let's)"
_ARTICLE = r"(?:the|a|an|this|that|these|those|all|both|every|each)"
_COMMA = r"\s*[,;]\s*(?:(?:and|but|then|also|while|please)\s+)*"
_WORD = r"\s+(?:and|but|then|while)\s+(?:(?:then|also|please)\s+)*"
_JOINT = rf"(?:{_COMMA}|{_WORD})"

_SENTENCE = re.compile(r"[.!?:\n]+(?:\s+|$)|\n")
_REMAINDER = re.compile(rf"{_JOINT}{_OTHER}\b.*$")
_ANOTHER = re.compile(rf"{_JOINT}(?={_REMOVING}\b)")
_BEGINNING = re.compile(rf"(?:{_POLITE}|{_REMOVING}|and|or|plus)\b[\s,]*")
_STAYS = re.compile(rf"(?:{_POLITE}[\s,]+)*{_OTHER}\b")
_REMOVES = re.compile(rf"(?:{_POLITE}[\s,]+)*{_REMOVING}\b")
_LIST = re.compile(r"\s*[,;&]\s*|\s+(?:and|plus|as well as)\s+")
_FROM = re.compile(
    r"\s+(?:from|in|out of)\s+(?:the|this)\s+(?:shot|frames?|picture|plate|scene|image|video|clip)$"
)
_LEADING = re.compile(rf"(?:{_ARTICLE}|{_POLITE}|{_REMOVING}|and|or|plus)\b[\s,]*")
_EFFECT = re.compile(r"\b(?:shadow|reflection)s?$")
_SIGNS = re.compile(r"[^\w\s'-]")


def noun_phrases(instruction: str) -> tuple[str, ...]:
    """The things that an instruction wants to be gone, in its order, each once; none where it names none.

    Args:
        instruction: English, any text.

    Returns:
        At most `MOST_PHRASES`, in lower case, letters, digits, spaces, apostrophes and hyphens only.
    """
    found: list[str] = []
    for sentence in _SENTENCE.split(instruction.lower().replace("’", "'")):
        words = " ".join(sentence.split())
        if _STAYS.match(words) or (found and not _REMOVES.match(words)):
            continue
        for clause in _ANOTHER.split(_REMAINDER.sub("", words)):
            found += _LIST.split(_BEGINNING.sub("", clause, count=1))
    return tuple(phrase for phrase in _clean(found) if not _EFFECT.search(phrase))


def named_phrases(text: str) -> tuple[str, ...]:
    """The things that a list with semicolons names outright, such as "salt and pepper shaker; saucer".

    Returns:
        As `noun_phrases`.
    """
    return _clean(text.lower().replace("’", "'").split(";"))


def _clean(phrases: Iterable[str]) -> tuple[str, ...]:
    """Phrases without what a model would stumble over; at most `MOST_PHRASES`, each once."""
    found = dict.fromkeys(_bare(phrase) for phrase in phrases)
    return tuple(phrase for phrase in found if 0 < len(phrase) <= MOST_LETTERS)[:MOST_PHRASES]


def _bare(phrase: str) -> str:
    # A full stop ends a phrase for the model.
    bare = " ".join(_SIGNS.sub(" ", phrase).split())
    bare = _FROM.sub("", bare)
    while (shorter := _LEADING.sub("", bare, count=1) if _LEADING.match(bare) else bare) != bare:
        bare = shorter
    return bare if any(c.isalnum() for c in bare) else ""
