# SPDX-License-Identifier: Apache-2.0
"""What a check of frames needs besides the frames: the signature of their sidecar, and their plates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from void_server.errors import InvalidInput
from void_server.masks.pattern import FramePattern, parse_pattern
from void_server.signing import FIELD, is_signed, is_valid, key_id, read_public_key
from void_server.verification.finding import File, Sidecar
from void_server.verification.report import SignatureCheck


def check_signature(sidecar: Sidecar, public_key: Path | None) -> SignatureCheck:
    """The sidecar's signature, as far as a key was given to check it.

    Raises:
        InvalidInput: the key is none.
    """
    field: Any = sidecar.tree.get(FIELD)
    says = str(field.get("key", "")) if isinstance(field, dict) else ""
    if public_key is None:
        return SignatureCheck("unchecked" if is_signed(sidecar.tree) else "none", says)
    key = read_public_key(public_key)
    if not is_signed(sidecar.tree):
        return SignatureCheck("missing", "")
    if is_valid(sidecar.tree, key):
        return SignatureCheck("valid", key_id(key))
    return SignatureCheck("invalid", says)


def plate_finder(named: str | None) -> Callable[[File], Path | None]:
    """Says where a file's plate should lie: by the pattern that the user names, else as the sidecar tells.

    Raises:
        InvalidInput: the pattern that is named is none.
    """
    if named:
        given = parse_pattern(named)
        return lambda file: given.path(file.frame)
    patterns: dict[Path, FramePattern | None] = {}

    def find(file: File) -> Path | None:
        if file.sidecar.path not in patterns:
            patterns[file.sidecar.path] = _of_sidecar(file.sidecar)
        pattern = patterns[file.sidecar.path]
        path = pattern.path(file.frame) if pattern is not None else None
        # Elsewhere than where it was made the plate may not be there, which is no finding.
        return path if path is not None and path.is_file() else None

    return find


def _of_sidecar(sidecar: Sidecar) -> FramePattern | None:
    inputs: Any = sidecar.tree.get("inputs")
    text = str(inputs.get("plate") or "") if isinstance(inputs, dict) else ""
    view = str(sidecar.tree.get("view") or "")
    try:
        return parse_pattern(text.replace("%V", view).replace("%v", view[:1])) if text else None
    except InvalidInput:
        return None
