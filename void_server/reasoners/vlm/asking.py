# SPDX-License-Identifier: Apache-2.0
"""Asking until there is an answer: the part that is the same for every provider."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from void_server.errors import InvalidInput
from void_server.reasoners.vlm.consent import Allowed, Permission, Resolve, allowed
from void_server.reasoners.vlm.errors import Declined, MalformedAnswer, VlmError
from void_server.reasoners.vlm.prompt import repair_text
from void_server.reasoners.vlm.record import Record, Sent
from void_server.reasoners.vlm.request import Question
from void_server.reasoners.vlm.waiting import Stop, waited
from void_server.reasoners.vlm.wire import Wire

LOOKUP_SECONDS = 15.0
"""For the addresses of an endpoint."""
MOST_SENT_BACK = 20_000
"""Characters of an unusable answer that the repair sends back."""
T = TypeVar("T")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}")


@dataclass(frozen=True)
class Usage:
    """Tokens of all requests of a question; None where the endpoint does not say.

    Attributes:
        tokens_in: of text and pictures.
        tokens_out: of the answers, thoughts included.
    """

    tokens_in: int | None = None
    tokens_out: int | None = None

    def __add__(self, other: Usage) -> Usage:
        return Usage(_sum(self.tokens_in, other.tokens_in), _sum(self.tokens_out, other.tokens_out))


@dataclass(frozen=True)
class Price:
    """What a site pays for a model.

    Attributes:
        million_in, million_out: for a million tokens.
        currency: such as USD.
    """

    million_in: float
    million_out: float
    currency: str = "USD"


@dataclass(frozen=True)
class Turn:
    """What was said after the question."""

    by: Literal["model", "user"]
    text: str


@dataclass(frozen=True)
class Said:
    """What a model said once."""

    text: str
    usage: Usage


Speak = Callable[[Sequence[Turn]], Said]
"""Sends the question and the turns after it, and gives what the model says next."""


@dataclass(frozen=True)
class Asked(Generic[T]):
    """An answer with its papers.

    Attributes:
        text: the answer as the model wrote it.
        cost: one line for the log and the papers.
        repaired: the first answer could not be used.
    """

    answer: T
    text: str
    record: Record
    usage: Usage
    cost: str
    repaired: bool


def permitted(endpoint: str, permission: Permission, stop: Stop, resolve: Resolve) -> Allowed:
    """`allowed`, ended when `stop` says so; raises what it raises."""
    return waited(
        lambda: allowed(endpoint, permission.local_endpoints, permission.consent, resolve),
        LOOKUP_SECONDS,
        stop,
        "Looking up the endpoint's address",
        lambda: None,
    )


def checked_model(model: str) -> str:
    """The model's name; raises InvalidInput where it could be taken for something else in a URL."""
    if not _MODEL.fullmatch(model) or ".." in model:
        raise InvalidInput(f"{model[:80]!r} is no name of a model.", fix="Give it as the endpoint lists it.")
    return model


def ask(
    question: Question[T], model: str, wire: Wire, speak: Speak, prices: Mapping[str, Price] | None
) -> Asked[T]:
    """Asks, and once more with what is wrong if the first answer cannot be used.

    Raises:
        MalformedAnswer: neither answer can be used.
        VlmError: as `Wire.post`, and what `speak` raises; with the record of what was sent until then.
    """
    sent = [*(Sent.of(p.label, p.jpeg) for p in question.pictures), Sent.of("question", _spoken(question))]
    try:
        said = speak(())
        usage, repaired = said.usage, False
        answer = _read(said.text, question)
        if isinstance(answer, MalformedAnswer):
            turns = (Turn("model", said.text[:MOST_SENT_BACK]), Turn("user", repair_text(answer.message)))
            sent += [Sent.of("unusable answer", turns[0].text), Sent.of("repair", turns[1].text)]
            said, repaired = speak(turns), True
            usage += said.usage
            answer = _read(said.text, question)
        if isinstance(answer, MalformedAnswer):
            raise _twice(answer, question.instead)
    except VlmError as error:
        if isinstance(error, Declined):
            error.fix = f"Ask another model, or {question.instead}."
        error.record = _record(wire, model, sent) if wire.requests else None
        raise
    return Asked(
        answer, said.text, _record(wire, model, sent), usage, cost_line(usage, model, prices), repaired
    )


def cost_line(usage: Usage, model: str, prices: Mapping[str, Price] | None) -> str:
    """Tokens, and what they cost where the site has a price for the model.

    Args:
        prices: by model; None, or without the model, for tokens only.
    """
    tokens = f"{_count(usage.tokens_in)} tokens in, {_count(usage.tokens_out)} out"
    price = (prices or {}).get(model)
    if price is None or usage.tokens_in is None or usage.tokens_out is None:
        return tokens
    cost = (usage.tokens_in * price.million_in + usage.tokens_out * price.million_out) / 1e6
    return f"{tokens}; about {cost:.4f} {price.currency}"


def _read(text: str, question: Question[T]) -> T | MalformedAnswer:
    """The answer, or what is wrong with it."""
    try:
        return question.read(text)
    except MalformedAnswer as error:
        return error


def _twice(problem: MalformedAnswer, instead: str) -> MalformedAnswer:
    return MalformedAnswer(
        f"The model's answer cannot be used, nor could the one before it: {problem.message}",
        fix=f"Try again, ask a larger model, or {instead}.",
    )


def _spoken(question: Question[T]) -> str:
    """All words of a question in the order in which they are sent."""
    return "\n".join([*(picture.label for picture in question.pictures), question.text])


def _record(wire: Wire, model: str, sent: Sequence[Sent]) -> Record:
    to = wire.to
    return Record(to.origin, to.host, wire.address, to.local, model, tuple(sent), wire.requests, wire.bytes)


def _sum(one: int | None, two: int | None) -> int | None:
    return None if one is None or two is None else one + two


def _count(tokens: int | None) -> str:
    return "an unknown number of" if tokens is None else f"{tokens:,}"
