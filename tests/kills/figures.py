# SPDX-License-Identifier: Apache-2.0
"""What a run of kills showed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.seed_records import Counts

ACTORS = ("server", "worker", "client", "helper")


@dataclass
class Figures(Counts):
    """Counts over one or more seeds; the second group is 0 when every promise held.

    Attributes:
        works: seeds by what was ordered.
        kills: by what was ordered and who was killed, as `void worker`.
    """

    seeds: int = 0
    works: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    attached_again: int = 0
    gave_up: Counter[str] = field(default_factory=Counter)
    jobs_accepted: int = 0
    units_at_kills: int = 0
    units_at_end: int = 0
    files_at_kills: int = 0
    went_on_from_a_step: int = 0
    frames: int = 0
    events: int = 0
    reconnects: int = 0
    seconds: float = 0.0

    jobs_lost: int = 0
    jobs_not_done: int = 0
    jobs_doubled: int = 0
    units_repeated: int = 0
    watch_gaps: int = 0
    watch_doubles: int = 0
    frames_wrong: int = 0
    answers_doubled: int = 0
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
            "frames_wrong",
            "answers_doubled",
            "half_written",
            "leftovers",
        )
        counts = (getattr(self, name) for name in names)
        return sum(counts) + len(self.problems)

    def table(self) -> str:
        """The figures as lines of text."""
        stages = ", ".join(f"{stage} {count}" for stage, count in self.stages.most_common())
        lines = [
            f"seeds run                              {self.seeds}",
            f"kills                                  {sum(self.kills.values())}",
            *self._kills_by_work(),
            f"where the job stood at a kill          {stages}",
            f"jobs accepted                          {self.jobs_accepted}",
            f"times an artist found the job again    {self.attached_again}",
            f"denoisings that went on from a saved step {self.went_on_from_a_step}",
            f"times an artist gave up and came again {self.gave_up.total()}",
            *(f"  {count} x {reason}" for reason, count in self.gave_up.most_common()),
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
            f"frames wrong, of frames compared       {self.frames_wrong} of {self.frames}",
            f"requests answered twice by a helper    {self.answers_doubled}",
            f"half-written files in --out            {self.half_written}",
            f"temporary files left in --out          {self.leftovers}",
            f"other problems                         {len(self.problems)}",
        ]
        return "\n".join([*lines, *(f"  {p}" for p in self.problems)]) + "\n"

    def _kills_by_work(self) -> list[str]:
        head = f"  {'ordered':<12}{'seeds':>7}" + "".join(f"{actor:>9}" for actor in ACTORS)
        rows = [
            f"  {work:<12}{seeds:>7}" + "".join(f"{self.kills[f'{work} {actor}']:>9}" for actor in ACTORS)
            for work, seeds in sorted(self.works.items())
        ]
        return [head, *rows]
