# SPDX-License-Identifier: Apache-2.0
"""What a run of kills showed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields


@dataclass
class Figures:
    """Counts over one or more seeds; the second group is 0 when every promise held."""

    seeds: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    attached_again: int = 0
    client_gave_up: Counter[str] = field(default_factory=Counter)
    jobs_accepted: int = 0
    units_at_kills: int = 0
    units_at_end: int = 0
    files_at_kills: int = 0
    events: int = 0
    reconnects: int = 0
    seconds: float = 0.0

    jobs_lost: int = 0
    jobs_not_done: int = 0
    jobs_doubled: int = 0
    units_repeated: int = 0
    watch_gaps: int = 0
    watch_doubles: int = 0
    half_written: int = 0
    leftovers: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """How often a promise did not hold."""
        names = (
            "jobs_lost",
            "jobs_not_done",
            "jobs_doubled",
            "units_repeated",
            "watch_gaps",
            "watch_doubles",
        )
        counts = (getattr(self, name) for name in (*names, "half_written", "leftovers"))
        return sum(counts) + len(self.problems)

    def add(self, other: Figures) -> None:
        """Add another run's counts to these."""
        for entry in fields(self):
            setattr(self, entry.name, getattr(self, entry.name) + getattr(other, entry.name))

    def table(self) -> str:
        """The figures as lines of text."""
        kinds = ", ".join(f"{kind} {self.kills[kind]}" for kind in ("server", "worker", "client"))
        stages = ", ".join(f"{stage} {count}" for stage, count in self.stages.most_common())
        lines = [
            f"seeds run                              {self.seeds}",
            f"kills                                  {sum(self.kills.values())} ({kinds})",
            f"where the job stood at a kill          {stages}",
            f"jobs accepted                          {self.jobs_accepted}",
            f"times a client found its job again     {self.attached_again}",
            f"times a client gave up and was run again {self.client_gave_up.total()}",
            *(f"  {count} x {reason}" for reason, count in self.client_gave_up.most_common()),
            f"recorded units compared / at the end   {self.units_at_kills} / {self.units_at_end}",
            f"result files looked at, at kills       {self.files_at_kills}",
            f"events followed / connections renewed  {self.events} / {self.reconnects}",
            f"seconds, all seeds                     {self.seconds:.0f}",
            "",
            f"accepted jobs lost                     {self.jobs_lost}",
            f"accepted jobs that did not end as done {self.jobs_not_done}",
            f"orders that became two jobs            {self.jobs_doubled}",
            f"finished units computed again          {self.units_repeated}",
            f"events left out by Watch               {self.watch_gaps}",
            f"events told twice by Watch             {self.watch_doubles}",
            f"half-written files in --out            {self.half_written}",
            f"temporary files left in --out          {self.leftovers}",
            f"other problems                         {len(self.problems)}",
        ]
        return "\n".join([*lines, *(f"  {p}" for p in self.problems)]) + "\n"
