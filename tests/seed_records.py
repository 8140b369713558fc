# SPDX-License-Identifier: Apache-2.0
"""What a long run of seeds showed: counts that add up, a line of JSON for each seed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self, TypeVar

C = TypeVar("C", bound="Counts")


@dataclass
class Counts:
    """Counts over one or more seeds: numbers, Counters and lists, each field with a default."""

    def add(self, other: Self) -> None:
        """Add another run's counts to these."""
        for entry in fields(self):
            setattr(self, entry.name, getattr(self, entry.name) + getattr(other, entry.name))


def write_record(path: Path, seed: int, counts: Counts) -> None:
    """Append the counts of one seed as a line of JSON."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"seed": seed, **vars(counts)}) + "\n")


def read_records(paths: Iterable[Path], kind: type[C]) -> C:
    """The sum of what runs recorded.

    Raises:
        ValueError: a seed is in there twice.
    """
    total, known = kind(), set[int]()
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            seed = said.pop("seed")
            if seed in known:
                raise ValueError(f"seed {seed} is recorded twice, at last in {path}")
            known.add(seed)
            counts = {name: Counter(v) if isinstance(v, dict) else v for name, v in said.items()}
            total.add(kind(**counts))
    return total
