# SPDX-License-Identifier: Apache-2.0
"""The reasoner `openai`: any server that speaks OpenAI's chat completions, such as vLLM, llama.cpp and Ollama.

Kept to what these have in common: JPEGs as data URIs, temperature 0, no streaming, and a JSON schema as
`response_format`; a server that refuses the schema is asked for any JSON object.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from void_server.reasoners.vlm.asking import Asked, Price, Said, Turn, Usage, ask, checked_model, permitted
from void_server.reasoners.vlm.consent import Permission, Resolve, resolved
from void_server.reasoners.vlm.errors import Declined, MalformedAnswer, Refused
from void_server.reasoners.vlm.keys import Key
from void_server.reasoners.vlm.request import Question
from void_server.reasoners.vlm.waiting import Stop
from void_server.reasoners.vlm.wire import Wire, WireSettings

T = TypeVar("T")

DEFAULT_PATH = "/v1"
NO_SCHEMA = frozenset({400, 422, 501})
"""HTTP statuses of servers that do not know a schema, or not this one."""
JSON_OBJECT = {"type": "json_object"}


@dataclass(frozen=True)
class OpenaiSettings:
    """Which model of which server.

    Attributes:
        endpoint: URL, such as http://vlm01:8000/v1; without a path, /v1 is taken.
        model: as the server lists it.
        prices: by model; None for tokens only.
    """

    endpoint: str
    model: str
    wire: WireSettings = field(default_factory=WireSettings)
    prices: Mapping[str, Price] | None = None


def ask_openai(
    question: Question[T],
    settings: OpenaiSettings,
    key: Key,
    permission: Permission,
    stop: Stop = lambda: False,
    resolve: Resolve = resolved,
) -> Asked[T]:
    """Asks a model about a shot.

    Args:
        key: an empty one is not sent.
        stop: polled; the call ends within a second of it.

    Raises:
        VlmError: of the class that says why; see `errors`.
        InvalidInput: the endpoint or the model's name cannot be used.
    """
    model = checked_model(settings.model)
    wire = Wire(permitted(settings.endpoint, permission, stop, resolve), settings.wire, key, stop)
    return ask(question, model, wire, _Speaker(question, model, wire, key), settings.prices)


class _Speaker:
    """Speaks for one question; remembers whether the server knows schemas."""

    def __init__(self, question: Question[Any], model: str, wire: Wire, key: Key) -> None:
        self._question = _content(question)
        self._model = model
        self._wire = wire
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key.value}"
        schema = {"name": "answer", "schema": question.schema, "strict": True}
        self._format: dict[str, Any] = {"type": "json_schema", "json_schema": schema}

    def __call__(self, turns: Sequence[Turn]) -> Said:
        try:
            return self._spoken(turns)
        except Refused as error:
            if error.status not in NO_SCHEMA or self._format is JSON_OBJECT:
                raise
        self._format = JSON_OBJECT
        return self._spoken(turns)

    def _spoken(self, turns: Sequence[Turn]) -> Said:
        said = [{"role": "assistant" if t.by == "model" else "user", "content": t.text} for t in turns]
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": self._question}, *said],
            "temperature": 0,
            "stream": False,
            "response_format": self._format,
        }
        path = f"{self._wire.to.path or DEFAULT_PATH}/chat/completions"
        reply = self._wire.post(path, self._headers, json.dumps(body).encode())
        return _said(reply.body)


def _content(question: Question[Any]) -> list[dict[str, Any]]:
    """The pictures, each after its label, then the text."""
    parts: list[dict[str, Any]] = []
    for picture in question.pictures:
        data = base64.b64encode(picture.jpeg).decode()
        parts.append({"type": "text", "text": picture.label})
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}})
    return [*parts, {"type": "text", "text": question.text}]


def _said(body: bytes) -> Said:
    """What the first choice of a completion says.

    Raises:
        Declined: the model refuses, or a filter took its answer.
        MalformedAnswer: this is no completion, or it was cut off.
    """
    try:
        tree = json.loads(body)
        choice = tree["choices"][0]
        message, reason = choice["message"], choice.get("finish_reason")
        refusal, text = message.get("refusal"), message.get("content") or ""
        usage = tree.get("usage") or {}
        used = Usage(_tokens(usage.get("prompt_tokens")), _tokens(usage.get("completion_tokens")))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise MalformedAnswer(
            "The endpoint answered with something that is no chat completion.", fix="Check its address."
        ) from None
    if refusal or reason == "content_filter":
        why = f': "{" ".join(str(refusal).split())[:200]}"' if refusal else ""
        raise Declined(f"The model declines to answer{why}.")
    if reason == "length":
        raise MalformedAnswer(
            "The model's answer was cut off.", fix="Serve the model with a longer context, or ask another."
        )
    if not isinstance(text, str):
        raise MalformedAnswer("The endpoint answered with something that is no text.", fix="Check the model.")
    return Said(text, used)


def _tokens(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
