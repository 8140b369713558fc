# SPDX-License-Identifier: Apache-2.0
"""What a run of a failing network showed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.seed_records import Counts


@dataclass
class Figures(Counts):
    """Counts over seeds; the second group is 0 where every promise held."""

    seeds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    frames: int = 0
    events: int = 0
    most_sent_again: int = 0
    seconds: float = 0.0

    not_done: int = 0
    files_wrong: int = 0
    temporary_files: int = 0
    events_wrong: int = 0
    sent_too_often: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Add another run's counts to these."""
        most = max(self.most_sent_again, other.most_sent_again)
        super().add(other)
        self.most_sent_again = most

    @property
    def broken(self) -> int:
        """How often a promise did not hold."""
        counts = self.not_done + self.files_wrong + self.temporary_files + self.events_wrong
        return counts + self.sent_too_often + len(self.problems)

    def table(self) -> str:
        """The figures as lines of text."""
        made = ", ".join(f"{kind} {count}" for kind, count in self.faults.most_common())
        lines = [
            f"seeds run                              {self.seeds}",
            f"faults made                            {self.faults.total()} ({made})",
            f"connections                            {self.connections}",
            f"result files / events compared         {self.frames} / {self.events}",
            f"most bytes sent again in one seed      {self.most_sent_again}",
            f"seconds, all seeds                     {self.seconds:.0f}",
            "",
            f"jobs that did not end as done          {self.not_done}",
            f"result files that are wrong or missing {self.files_wrong}",
            f"temporary files left in --out          {self.temporary_files}",
            f"jobs whose events were not told once   {self.events_wrong}",
            f"uploads that did not go on where they were {self.sent_too_often}",
            f"other problems                         {len(self.problems)}",
        ]
        return "\n".join([*lines, *(f"  {p}" for p in self.problems)]) + "\n"
