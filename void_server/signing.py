# SPDX-License-Identifier: Apache-2.0
"""A sidecar signed with the site's key: a plain Ed25519 signature (RFC 8032) over its canonical bytes.

The signature stands in the sidecar itself, under `signature`, so that it is not lost when files are moved. What is
signed is the rest of the sidecar as canonical JSON: keys sorted, no white space, every character beyond ASCII escaped,
a whole number without a fraction (1.0 is 1). A program that writes the same values again, indented or ordered in
another way, leaves the signature valid; one that changes a value does not.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from void_server.errors import InvalidInput, PreconditionFailed
from void_server.frames.durable import write_file

FIELD = "signature"
"""Key of the signature in a sidecar."""
ALGORITHM = "Ed25519"
PREFIX = b"VOID sidecar 1\n"
"""Stands before the canonical bytes, so that a signature is valid for nothing but a sidecar."""
PUBLIC_SUFFIX = ".pub"
EXACT = 2**53
"""Whole numbers up to this are the same in every program that reads JSON (RFC 8259, section 6)."""


def canonical_bytes(sidecar: Mapping[str, Any]) -> bytes:
    """What is signed of a sidecar: all of it but the signature."""
    rest = {key: _plain(value) for key, value in sidecar.items() if key != FIELD}
    return PREFIX + json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def signed(sidecar: Mapping[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """The sidecar with a signature, which takes the place of an older one."""
    signature = {
        "algorithm": ALGORITHM,
        "key": key_id(key.public_key()),
        "value": base64.b64encode(key.sign(canonical_bytes(sidecar))).decode(),
    }
    return {**sidecar, FIELD: signature}


def is_signed(sidecar: Mapping[str, Any]) -> bool:
    """Whether the sidecar holds a signature, valid or not."""
    return sidecar.get(FIELD) is not None


def is_valid(sidecar: Mapping[str, Any], key: Ed25519PublicKey) -> bool:
    """Whether the sidecar is, value by value, the one that the owner of the key signed."""
    signature = sidecar.get(FIELD)
    if not isinstance(signature, Mapping) or signature.get("algorithm") != ALGORITHM:
        return False
    try:
        key.verify(base64.b64decode(str(signature.get("value")), validate=True), canonical_bytes(sidecar))
    except (InvalidSignature, binascii.Error):
        return False
    return True


def key_id(key: Ed25519PublicKey) -> str:
    """A short name of a public key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def make_key_pair(out: Path) -> tuple[Path, Path]:
    """Write a new private key to `out`, mode 0600, and its public key beside it with `.pub`; both are PEM.

    Returns:
        the two paths, private first.

    Raises:
        PreconditionFailed: one of them is there already.
        OSError: they cannot be written.
    """
    public = out.with_name(out.name + PUBLIC_SUFFIX)
    for path in (out, public):
        if path.exists():
            raise PreconditionFailed(
                f"{path} is there already and is not overwritten.", fix="Give another --out."
            )
    key = Ed25519PrivateKey.generate()
    out.parent.mkdir(parents=True, exist_ok=True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    write_file(out, private, mode=0o600)
    write_file(public, pem)
    return out, public


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The key that signs.

    Raises:
        InvalidInput: it is no such key, cannot be read, or other accounts may read it.
    """
    data = _read(path)
    if os.name != "nt" and path.stat().st_mode & 0o077:
        raise InvalidInput(f"Other accounts may read the signing key {path}.", fix=f"Run: chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput(
            f"{path} is no signing key.", fix="Make one: void-server sign-key --out FILE.", file=str(path)
        )
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """The key that tells whether a signature is the site's.

    Raises:
        InvalidInput: it is no such key, or cannot be read.
    """
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput(
            f"{path} is no public key of a site.",
            fix="`void-server sign-key --out FILE` writes it as FILE.pub.",
            file=str(path),
        )
    return key


def signer(path: Path | None) -> Callable[[bytes], bytes] | None:
    """What signs a sidecar's JSON with the key of a file; None without one.

    Raises: as `read_private_key`.
    """
    if path is None:
        return None
    key = read_private_key(path)
    return lambda data: json.dumps(signed(json.loads(data), key), indent=1, sort_keys=True).encode()


def _plain(value: Any) -> Any:
    """A JSON value with whole numbers as integers, however they are written."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return int(value)
    return value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}.", file=str(path)) from error
