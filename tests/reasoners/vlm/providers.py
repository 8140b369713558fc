# SPDX-License-Identifier: Apache-2.0
"""The two providers behind one face, so that a test can ask either."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pytest

from tests.reasoners.vlm.samples import GOOD, small_question, written
from tests.reasoners.vlm.stand_in import Request, Says
from void_server.reasoners.vlm.asking import Asked
from void_server.reasoners.vlm.consent import Permission
from void_server.reasoners.vlm.gemini import GeminiSettings, ask_gemini
from void_server.reasoners.vlm.keys import Key
from void_server.reasoners.vlm.openai import OpenaiSettings, ask_openai
from void_server.reasoners.vlm.wire import WireSettings

SECRET = "sk-secret-0123456789abcdef"
QUESTION = small_question()
HERE = Permission(local_endpoints=("127.0.0.1",))
QUICK = WireSettings(timeout_seconds=20.0, connect_seconds=5.0, attempts=3, first_wait_seconds=0.01)


def _openai_says(text: str | None, **more: Any) -> Says:
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": more.pop("reason", "stop")}
    usage = {"prompt_tokens": 3000, "completion_tokens": 500, "total_tokens": 3500}
    return Says(json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode())


def _gemini_says(text: str | None, **more: Any) -> Says:
    parts = [{"text": "Let me see.", "thought": True}, {"text": text}] if text is not None else []
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": more.pop("reason", "STOP")}
    usage = {"promptTokenCount": 3000, "candidatesTokenCount": 400, "thoughtsTokenCount": 100}
    return Says(json.dumps({"candidates": [candidate], "usageMetadata": usage}).encode())


def _openai_read(request: Request) -> tuple[list[str], list[bytes], Any]:
    texts, pictures = [], []
    for message in request.body["messages"]:
        parts = message["content"]
        for part in [{"type": "text", "text": parts}] if isinstance(parts, str) else parts:
            if part["type"] == "text":
                texts.append(part["text"])
            else:
                pictures.append(
                    base64.b64decode(part["image_url"]["url"].removeprefix("data:image/jpeg;base64,"))
                )
    return texts, pictures, request.body["response_format"].get("json_schema", {}).get("schema")


def _gemini_read(request: Request) -> tuple[list[str], list[bytes], Any]:
    parts = [part for content in request.body["contents"] for part in content["parts"]]
    texts = [part["text"] for part in parts if "text" in part]
    pictures = [base64.urlsafe_b64decode(p["inlineData"]["data"]) for p in parts if "inlineData" in p]
    return texts, pictures, request.body["generationConfig"]["responseJsonSchema"]


@dataclass(frozen=True)
class Provider:
    """One of the two.

    Attributes:
        says: makes its answer around a text.
        read: texts, JPEGs and schema of a request.
        declines: answers of a model that refuses.
        cut_off: the answer of one that ran out of tokens.
    """

    name: str
    says: Callable[..., Says]
    read: Callable[[Request], tuple[list[str], list[bytes], Any]]
    declines: tuple[Says, ...]
    cut_off: Says

    def ask(self, url: str, **more: Any) -> Asked:
        """Asks the small question, as quickly as can be."""
        wire, prices = more.pop("wire", QUICK), more.pop("prices", None)
        key, permission = more.pop("key", Key(SECRET)), more.pop("permission", HERE)
        if self.name == "openai":
            settings = OpenaiSettings(url, "some/model:8b", wire, prices)
            return ask_openai(QUESTION, settings, key, permission, **more)
        other = GeminiSettings("some-model", url, wire=wire, prices=prices)
        return ask_gemini(QUESTION, other, key, permission, **more)

    @property
    def good(self) -> Says:
        return self.says(written(GOOD))


_BLOCKED = Says(json.dumps({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}).encode())

OPENAI = Provider(
    "openai",
    _openai_says,
    _openai_read,
    (_openai_says(None, message={"refusal": "I cannot."}), _openai_says("", reason="content_filter")),
    _openai_says('{"integral', reason="length"),
)
GEMINI = Provider(
    "gemini",
    _gemini_says,
    _gemini_read,
    (_BLOCKED, _gemini_says(None, reason="SAFETY")),
    _gemini_says('{"integral', reason="MAX_TOKENS"),
)
NEEDS_GENAI = pytest.mark.skipif(find_spec("google.genai") is None, reason="google-genai is not installed")
PROVIDERS = (pytest.param(OPENAI, id="openai"), pytest.param(GEMINI, id="gemini", marks=NEEDS_GENAI))
