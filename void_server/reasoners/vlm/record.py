# SPDX-License-Identifier: Apache-2.0
"""What left this machine, for a job's papers: to where, how much, and digests of it. No time, no key, no content."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Sent:
    """A picture or a text that left.

    Attributes:
        what: such as "Picture 2: frame 1001" or "question".
        sha256: of its bytes, 64 hexadecimal digits; of a text in UTF-8.
        size: in bytes.
    """

    what: str
    sha256: str
    size: int

    @classmethod
    def of(cls, what: str, data: bytes | str) -> Sent:
        """The digest of a JPEG, or of a text."""
        raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
        return cls(what, hashlib.sha256(raw).hexdigest(), len(raw))


@dataclass(frozen=True)
class Record:
    """What one question sent.

    Attributes:
        endpoint: URL without a path.
        host: the name that was asked for.
        address: the address that the connection went to.
        local: whether the site counts it as its own.
        model: as the endpoint was asked for it.
        sent: pictures and texts, each once, in the order in which they first left.
        requests: requests that were sent; a repeated one sends the same again.
        size: of the bodies of all requests together, in bytes.
    """

    endpoint: str
    host: str
    address: str
    local: bool
    model: str
    sent: tuple[Sent, ...]
    requests: int
    size: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {**asdict(self), "sent": [asdict(sent) for sent in self.sent]}
