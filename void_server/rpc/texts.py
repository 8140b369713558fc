# SPDX-License-Identifier: Apache-2.0
"""How long the words of an order may be: they are stored, told with each listing, and sent to workers."""

from __future__ import annotations

from collections.abc import Iterator

from void.v1 import jobs_pb2

from void_server.errors import LimitExceeded
from void_server.jobs.canonical import SEQUENCES

MAX_NAME_BYTES = 4096
"""Of a file name, pattern, channel, view, option or folder as UTF-8; Linux's own longest path (PATH_MAX, limits.h)."""
MAX_PROSE_BYTES = 1 << 16
"""Of the prompt and of the instruction."""


def check_texts(spec: jobs_pb2.JobSpec) -> None:
    """Let an order pass whose words are of reasonable length.

    Raises:
        LimitExceeded: one is longer; names the field, the limit and its value.
    """
    for field, text in _names(spec):
        _check(field, text, "max_name_bytes", MAX_NAME_BYTES)
    for field, text in (("prompt", spec.shot.prompt), ("instruction", spec.shot.instruction)):
        _check(field, text, "max_prose_bytes", MAX_PROSE_BYTES)


def _check(field: str, text: str, limit: str, most: int) -> None:
    # A character has at least one byte and at most four; most texts need no second look.
    if len(text) * 4 > most and len(text.encode()) > most:
        raise LimitExceeded(
            f"The {field} of {len(text.encode())} bytes is over the limit {limit} = {most}.",
            fix="Give a shorter one.",
        )


def _names(spec: jobs_pb2.JobSpec) -> Iterator[tuple[str, str]]:
    shot, settings, output = spec.shot, spec.settings, spec.output
    yield from (("view", shot.view), ("colour space", shot.colour.name), ("OCIO config", shot.colour.builtin))
    yield from (
        ("engine", settings.engine),
        ("segmenter", settings.segmenter),
        ("reasoner", settings.reasoner),
    )
    yield from (("output folder", output.directory), ("output name", output.name))
    for name, value in settings.options.items():
        yield from (("name of an option", name), ("value of an option", value))
    for role in SEQUENCES:
        sequence = getattr(shot, role)
        yield from ((f"pattern of {role}", sequence.pattern), (f"channel of {role}", sequence.channel))
        for file in sequence.files:
            yield f"name of a file of {role}", file.name
