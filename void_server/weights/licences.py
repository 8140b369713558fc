# SPDX-License-Identifier: Apache-2.0
"""The licences of the weights, and the rule that one of them has to be accepted by name before its files come in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from void_server.errors import PreconditionFailed
from void_server.weights.catalogue import CATALOGUE, WeightFile


@dataclass(frozen=True)
class Licence:
    """A licence: the name that files carry and users accept, what it says, whether it has to be accepted."""

    name: str
    summary: str
    to_accept: bool


LICENCES = {
    licence.name: licence
    for licence in (
        Licence("Apache-2.0", "Free for any use; keep the notices.", to_accept=False),
        Licence(
            "CogVideoX",
            "The CogVideoX License restricts commercial use: it allows academic research, and asks whoever uses the"
            " model commercially to register for a licence first and keep to its limits.",
            to_accept=True,
        ),
    )
}


def require_accepted(files: Iterable[WeightFile], accepted: Collection[str], command: str) -> None:
    """Refuse files whose licence has to be accepted and is not.

    Args:
        files: what is about to come in.
        accepted: names of the licences that were accepted, now or earlier.
        command: what the user gave, such as "void-server weights fetch"; the fix adds the option to it.

    Raises:
        PreconditionFailed: with the licence's meaning, and the command that accepts it.
    """
    for name in dict.fromkeys(file.licence for file in files):
        licence = LICENCES[name]
        if licence.to_accept and name not in accepted:
            raise PreconditionFailed(
                f"{_concerned(name)} come under the {name} licence, which was not accepted here. {licence.summary}"
                " Have it read by whoever may decide for you: it is the file LICENSE of their repository.",
                fix=f"To accept it, once: {command} --accept-licence {name}",
            )


def _concerned(licence: str) -> str:
    groups = sorted({file.group for file in CATALOGUE if file.licence == licence})
    repositories = sorted({file.repository for file in CATALOGUE if file.licence == licence})
    return f"The files of {', '.join(groups)} ({', '.join(repositories)})"
