# SPDX-License-Identifier: Apache-2.0
"""The reasoner `gemini`: Google's models, through the package google-genai.

The package writes and reads the messages; `Wire` carries them, so that addresses, proxies, redirects, retries, time
limits and errors are those of `openai`, whatever the environment says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from void_server.errors import InvalidInput, Unsupported
from void_server.reasoners.vlm.asking import (
    Asked,
    Price,
    Said,
    Speak,
    Turn,
    Usage,
    ask,
    checked_model,
    permitted,
)
from void_server.reasoners.vlm.consent import Permission, Resolve, resolved
from void_server.reasoners.vlm.errors import Declined, MalformedAnswer
from void_server.reasoners.vlm.keys import Key
from void_server.reasoners.vlm.request import Question
from void_server.reasoners.vlm.waiting import Stop
from void_server.reasoners.vlm.wire import Wire, WireSettings

if TYPE_CHECKING:
    from google.genai import Client, types

T = TypeVar("T")

ENDPOINT = "https://generativelanguage.googleapis.com"
API_VERSION = "v1beta"
DEFAULT_MODEL = "gemini-3-pro-preview"
"""The one that the official mask scripts ask."""
DROPPED = frozenset({"host", "content-length", "accept-encoding", "connection"})
"""Headers that the connection makes itself."""
_CUT_OFF = "MAX_TOKENS"
_BROKEN = frozenset({"OTHER", "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"})


@dataclass(frozen=True)
class GeminiSettings:
    """Which model, and where.

    Attributes:
        endpoint: URL; another than Google's for a site's own gateway.
        temperature: None leaves the model's own, which Google advises for its newer models.
        prices: by model; None for tokens only.
    """

    model: str = DEFAULT_MODEL
    endpoint: str = ENDPOINT
    temperature: float | None = None
    wire: WireSettings = field(default_factory=WireSettings)
    prices: Mapping[str, Price] | None = None


def ask_gemini(
    question: Question[T],
    settings: GeminiSettings,
    key: Key,
    permission: Permission,
    stop: Stop = lambda: False,
    resolve: Resolve = resolved,
) -> Asked[T]:
    """Asks a model about a shot.

    Args:
        key: of the Gemini API.
        stop: polled; the call ends within a second of it.

    Raises:
        VlmError: of the class that says why; see `errors`.
        InvalidInput: the endpoint or the model's name cannot be used, or there is no key.
        Unsupported: google-genai is not installed.
    """
    model = checked_model(settings.model)
    to = permitted(settings.endpoint, permission, stop, resolve)
    if not key:
        raise InvalidInput(
            "The reasoner gemini has no key.", fix="Give the server a key file, or set GEMINI_API_KEY for it."
        )
    wire = Wire(to, settings.wire, key, stop)
    return ask(question, model, wire, _speaker(question, settings, wire, key), settings.prices)


def _speaker(question: Question[Any], settings: GeminiSettings, wire: Wire, key: Key) -> Speak:
    try:
        from google.genai import errors, types
    except ImportError:
        raise Unsupported(
            "This server does not have the package google-genai.",
            fix="Install it, or use the reasoner openai.",
        ) from None
    client = _client(wire, key)
    asked = types.Content(role="user", parts=_parts(question))
    config = types.GenerateContentConfig(
        temperature=settings.temperature,
        response_mime_type="application/json",
        response_json_schema=question.schema,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )

    def speak(turns: Sequence[Turn]) -> Said:
        later = [types.Content(role=t.by, parts=[types.Part.from_text(text=t.text)]) for t in turns]
        try:
            contents: Any = [asked, *later]
            response = client.models.generate_content(model=settings.model, contents=contents, config=config)
        except (errors.APIError, ValueError, LookupError, TypeError, AttributeError):
            raise MalformedAnswer(
                "The endpoint answered with something that is no answer of the Gemini API.",
                fix="Check the endpoint.",
            ) from None
        return _said(response)

    return speak


def _client(wire: Wire, key: Key) -> Client:
    """A client that reads nothing from the environment that changes where or what it sends."""
    import httpx2
    from google import genai
    from google.genai import types
    from google.genai.client import DebugConfig

    class Transport(httpx2.BaseTransport):
        """Carries the package's requests over the wire, wherever their URL leads."""

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            headers = {k: v for k, v in request.headers.items() if k.lower() not in DROPPED}
            reply = wire.post(request.url.raw_path.decode("ascii"), headers, request.read())
            kind = reply.headers.get("content-type", "application/json")
            return httpx2.Response(reply.status, headers={"content-type": kind}, content=reply.body)

    options = types.HttpOptions(
        base_url=f"{wire.to.origin}{wire.to.path}",
        api_version=API_VERSION,
        httpx_client=httpx2.Client(transport=Transport(), trust_env=False, follow_redirects=False),
        # Never used; without it the package makes one that trusts the environment.
        httpx_async_client=httpx2.AsyncClient(trust_env=False),
    )
    debug = DebugConfig(client_mode=None, replays_directory=None, replay_id=None)
    return genai.Client(vertexai=False, api_key=key.value, http_options=options, debug_config=debug)


def _parts(question: Question[Any]) -> list[types.Part]:
    """The pictures, each after its label, then the text."""
    from google.genai import types

    parts: list[types.Part] = []
    for picture in question.pictures:
        parts.append(types.Part.from_text(text=picture.label))
        parts.append(types.Part.from_bytes(data=picture.jpeg, mime_type="image/jpeg"))
    return [*parts, types.Part.from_text(text=question.text)]


def _said(response: types.GenerateContentResponse) -> Said:
    """What the first candidate says.

    Raises:
        Declined: the pictures or the answer were blocked.
        MalformedAnswer: there is no candidate, or it was cut off.
    """
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        raise _declined(feedback.block_reason.value)
    if not response.candidates:
        raise MalformedAnswer("The model answered with nothing.", fix="Try again, or ask another model.")
    candidate = response.candidates[0]
    reason = candidate.finish_reason.value if candidate.finish_reason is not None else "STOP"
    if reason == _CUT_OFF:
        raise MalformedAnswer("The model's answer was cut off.", fix="Ask another model.")
    if reason in _BROKEN:
        raise MalformedAnswer(f"The model ended with {reason}.", fix="Try again, or ask another model.")
    if reason not in ("STOP", "FINISH_REASON_UNSPECIFIED"):
        raise _declined(reason)
    parts = (candidate.content.parts if candidate.content is not None else None) or []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    return Said(text, _usage(response))


def _declined(reason: str) -> Declined:
    return Declined(f"The model declines to answer about these pictures ({reason}).")


def _usage(response: types.GenerateContentResponse) -> Usage:
    used = response.usage_metadata
    if used is None or used.prompt_token_count is None:
        return Usage()
    return Usage(
        used.prompt_token_count, (used.candidates_token_count or 0) + (used.thoughts_token_count or 0)
    )
