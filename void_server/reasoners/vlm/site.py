# SPDX-License-Identifier: Apache-2.0
"""What a site says of the models that its server may ask: a TOML file, read where they are asked.

local_endpoints = ["vlm01:8000=10.1.0.0/16"]

[openai]
endpoint = "http://vlm01:8000/v1"
model = "a-model-that-the-server-lists"
key_file = "/etc/void/vlm01.key"

[gemini]
model = "gemini-3-pro-preview"
key_file = "/etc/void/gemini.key"
price = { million_in = 2.0, million_out = 12.0, currency = "USD" }
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

from void_server.errors import InvalidInput
from void_server.reasoners.vlm.asking import Price
from void_server.reasoners.vlm.gemini import GeminiSettings
from void_server.reasoners.vlm.openai import OpenaiSettings
from void_server.reasoners.vlm.wire import WireSettings

PROVIDERS = ("openai", "gemini")
_OF_WIRE = ("timeout_seconds", "connect_seconds", "attempts", "ca_file")
_OF_PROVIDER = ("endpoint", "model", "key_file", "price", *_OF_WIRE)
_FIX = "docs/vlm_reasoners.md says what it may hold."


@dataclass(frozen=True)
class VlmSite:
    """The models that may be asked.

    Attributes:
        local_endpoints: see `consent.Permission`.
        openai, gemini: None where there is none.
        key_files: by provider, None for none.
    """

    local_endpoints: tuple[str, ...] = ()
    openai: OpenaiSettings | None = None
    gemini: GeminiSettings | None = None
    openai_key: Path | None = None
    gemini_key: Path | None = None

    def told(self, provider: str) -> list[str]:
        """Endpoint and model of a provider, for keys; empty where there is none."""
        settings = self.gemini if provider == "gemini" else self.openai
        return [settings.endpoint, settings.model] if settings is not None else []


def read_site(file: Path | None) -> VlmSite:
    """What a file says; nothing may be asked where there is none.

    Raises:
        InvalidInput: it cannot be read, or holds what it may not.
    """
    if file is None:
        return VlmSite()
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"The file {file} of the server's models cannot be read: {error}.", fix=_FIX
        ) from None
    _check_names(tree, ("local_endpoints", *PROVIDERS), file, "")
    try:
        return VlmSite(
            tuple(str(entry) for entry in tree.get("local_endpoints", ())),
            _openai(tree["openai"], file) if "openai" in tree else None,
            _gemini(tree["gemini"], file) if "gemini" in tree else None,
            _path(tree.get("openai", {}).get("key_file")),
            _path(tree.get("gemini", {}).get("key_file")),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"{file} has a value that cannot be used: {error}.", fix=_FIX) from None


def _openai(given: dict[str, Any], file: Path) -> OpenaiSettings:
    _check_names(given, _OF_PROVIDER, file, "openai")
    missing = [name for name in ("endpoint", "model") if not given.get(name)]
    if missing:
        raise InvalidInput(f"{file} names no {' and no '.join(missing)} under [openai].", fix=_FIX)
    return OpenaiSettings(given["endpoint"], given["model"], _wire(given), _prices(given, given["model"]))


def _gemini(given: dict[str, Any], file: Path) -> GeminiSettings:
    _check_names(given, _OF_PROVIDER, file, "gemini")
    named = {name: given[name] for name in ("endpoint", "model") if name in given}
    plain = GeminiSettings(**named)
    return GeminiSettings(plain.model, plain.endpoint, None, _wire(given), _prices(given, plain.model))


def _wire(given: dict[str, Any]) -> WireSettings:
    named = {name: given[name] for name in _OF_WIRE if name in given}
    return WireSettings(**named | ({"ca_file": Path(named["ca_file"])} if "ca_file" in named else {}))


def _prices(given: dict[str, Any], model: str) -> dict[str, Price] | None:
    return {model: Price(**given["price"])} if "price" in given else None


def _path(text: Any) -> Path | None:
    return Path(text) if text else None


def _check_names(given: dict[str, Any], known: tuple[str, ...], file: Path, part: str) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        where = f" under [{part}]" if part else ""
        raise InvalidInput(
            f"{file} has {unknown[0]!r}{where}, which means nothing; there are {', '.join(known)}.", fix=_FIX
        )
