# SPDX-License-Identifier: Apache-2.0
"""The identity of an order: the same material, settings and place give the same request id, on any machine."""

from __future__ import annotations

import hashlib
import json

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message


def request_id(spec: Message) -> str:
    """SHA-256 of the spec as JSON with sorted keys and proto field names, 64 hexadecimal digits.

    JSON rather than the wire form, because protobuf promises no canonical bytes
    (protobuf.dev/programming-guides/serialization-not-canonical).
    """
    tree = MessageToDict(spec, preserving_proto_field_name=True)
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
