# SPDX-License-Identifier: Apache-2.0
"""An order before it is known to be possible, and every problem that it has, found in one go.

The client finds missing files, a place that cannot be written to and settings that the server does not take; of the
files that are there the server's preflight tells the rest, even when the order as a whole could never be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from void.v1 import jobs_pb2, server_pb2, types_pb2

from void_client import events
from void_client.abilities import Unusable, bare, check_capabilities, without
from void_client.colour_config import ColourConfig, colour_space
from void_client.connection import Connection
from void_client.content import hash_files
from void_client.errors import BadInput, ClientError, RequestRefused, SpecRefused
from void_client.events import Sink
from void_client.inputs import Inputs, gather
from void_client.order import (
    ABSENCES,
    capabilities,
    place,
    preflight,
    prepare,
    read_in_place,
    unreadable_problems,
)
from void_client.results import ResultFolder, check_spares_inputs, result_folder, tell_older_frames
from void_client.roots import Root
from void_client.sequence import FrameRange
from void_client.specification import MIN_PADDING, RemoveOptions, Source, build_spec, output_place
from void_client.transfer import upload

# For an order whose own place is not possible: a preflight writes nothing there.
_ANY_PLACE = types_pb2.OutputPlace(directory="/", name="result", padding=MIN_PADDING)


class Findings:
    """Problems collected from several steps; each is told once."""

    def __init__(self) -> None:
        self._problems: list[types_pb2.Problem] = []
        self._errors: list[ClientError] = []

    def __bool__(self) -> bool:
        return bool(self._problems)

    def add(self, problems: Iterable[types_pb2.Problem]) -> None:
        """Add problems that are not known yet."""
        self._problems += [p for p in problems if p not in self._problems]

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Take bad input that the body meets as a problem and go on behind it."""
        try:
            yield
        except SpecRefused as error:
            self.add(error.problems)
        except (BadInput, RequestRefused) as error:
            self._errors.append(error)
            self.add([_problem_of(error)])

    def refusal(self, unseen_files: int = 0) -> ClientError:
        """What to raise: all problems, or the one error that is all there is."""
        if len(self._problems) == 1 and self._errors:
            return self._errors[0]
        return SpecRefused(self._problems, unseen_files)


@dataclass(frozen=True)
class Draft:
    """An order as far as it can be made without a server.

    Attributes:
        options: what the user asks.
        inputs: the files found; None when no range can be told.
        config: the OCIO config that travels with the job.
        output: where the results go, for the server; None when that is not possible.
        folder: the same, for writing.
        findings: what is wrong so far.
    """

    options: RemoveOptions
    inputs: Inputs | None
    config: ColourConfig | None
    output: types_pb2.OutputPlace | None
    folder: ResultFolder | None
    findings: Findings = field(compare=False)


def draft_order(
    options: RemoveOptions, frames: FrameRange | None, find_config: Callable[[], ColourConfig | None]
) -> Draft:
    """Look for all files and for the place of the results; needs no server and reads no frame.

    Args:
        options: what the user asks.
        frames: the frames to work on; None = all that the plate's pattern finds.
        find_config: gives the OCIO config; may raise BadInput.
    """
    findings = Findings()
    inputs, config, output, folder = None, None, None, None
    with findings.collecting():
        inputs = gather(options.patterns, frames, options.view, options.sparse, options.pairs)
        findings.add(inputs.problems)
    with findings.collecting():
        config = find_config()
    if inputs:
        with findings.collecting():
            output = output_place(options, inputs)
            folder = result_folder(output, options.preview)
            check_spares_inputs(folder, inputs.range.frames(), [f.path for f in inputs.files()])
            folder.prepare()
    return Draft(options, inputs, config, output, folder, findings)


@contextmanager
def greeted(
    connect: Callable[[], Connection], draft: Draft, on_event: Sink
) -> Iterator[tuple[Connection, server_pb2.GetCapabilitiesResponse]]:
    """A server that answers, and what it can do; when there is none, a draft's own problems go first.

    Args:
        connect: makes the connection, which ends with the body.
        draft: what is to be ordered.
        on_event: told what is waited for, and that there is no server where that is not the error.

    Raises:
        ClientError: what is wrong with the draft, or with the server.
    """
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(connect())
            connection.greet(on_wait=lambda text: on_event(events.Notes((text,))))
            server = capabilities(connection)
        except ClientError as error:
            if not draft.findings:
                raise
            on_event(events.Notes((f"The server was not asked for more: {error}",)))
            raise draft.findings.refusal() from error
        yield connection, server


def place_order(
    connection: Connection,
    server: server_pb2.GetCapabilitiesResponse,
    draft: Draft,
    roots: Sequence[Root],
    again: bool,
    on_event: Sink,
) -> tuple[jobs_pb2.Job, ResultFolder]:
    """Submit a draft, or tell every problem that it has.

    Args:
        connection: the server.
        server: what it can do.
        draft: the order.
        roots: storage that the server mounts too.
        again: compute everything anew.
        on_event: told findings, notes, how far hashing and sending are, and the accepted job.

    Returns:
        The job, and where its results go.

    Raises:
        SpecRefused, BadInput, RequestRefused: something is wrong with the order; nothing was submitted.
        ClientError: anything else.
    """
    frames = len(draft.inputs.range) if draft.inputs else 0
    unusable = check_capabilities(draft.options, frames, server)
    draft.findings.add(u.problem for u in unusable)
    if draft.inputs and draft.output and draft.folder and not draft.findings:
        tell_older_frames(draft.folder, draft.inputs.range.frames(), on_event)
        with draft.findings.collecting():
            order = prepare(draft.options, draft.inputs, draft.config, draft.output, roots, on_event)
        if not draft.findings:
            return place(connection, order, again, on_event).job, draft.folder
    raise refusal_of(connection, draft, roots, unusable, on_event)


def refusal_of(
    connection: Connection,
    draft: Draft,
    roots: Sequence[Root],
    unusable: Iterable[Unusable],
    on_event: Sink,
) -> ClientError:
    """All that is wrong with a draft that has findings, with what the server finds in the files that are there.

    Args:
        connection: the server.
        draft: the order.
        roots: storage that the server mounts too.
        unusable: its settings that the server does not take, already among the findings.
        on_event: told notes, and how far the hashing and sending are.
    """
    if not (draft.inputs and _can_be_looked_at(draft.inputs)):
        return draft.findings.refusal()
    unseen = len(draft.inputs.plate.files) - 1
    try:
        report = _looked_at(connection, draft, draft.inputs, roots, tuple(unusable), on_event)
    except ClientError as error:
        on_event(events.Notes((f"The server could not look at the files: {error}",)))
        return draft.findings.refusal(unseen + 1)
    if report.notes:
        on_event(events.Notes(tuple(report.notes)))
    draft.findings.add(p for p in report.problems if p.code not in ABSENCES)
    return draft.findings.refusal(unseen + report.unseen_files)


def _can_be_looked_at(inputs: Inputs) -> bool:
    drawn = [inputs.by_role[role].files for role in ("remove", "quadmask") if role in inputs.by_role]
    return bool(inputs.plate.files and any(drawn))


def _looked_at(
    connection: Connection,
    draft: Draft,
    inputs: Inputs,
    roots: Sequence[Root],
    unusable: tuple[Unusable, ...],
    on_event: Sink,
) -> jobs_pb2.PreflightReport:
    """The server's report of what the artist made and the first plate frame, as far as they are there."""
    first = list(inputs.checked_before_plates())
    paths, unreadable = read_in_place(first, roots, on_event)
    told = {error.file for error in unreadable}
    to_send = ((f.path, f.name) for f in first if f.path not in paths and f.name not in told)
    contents, unhashed = hash_files(to_send, on_event)
    draft.findings.add(unreadable_problems(inputs, [*unreadable, *unhashed]))
    sources: dict[Path, Source] = {**paths, **contents}
    seen = inputs.only(sources)
    if not _can_be_looked_at(seen):
        return jobs_pb2.PreflightReport()
    colour = colour_space(draft.options.colour_space, draft.config)
    spec = build_spec(draft.options, seen, sources, draft.output or _ANY_PLACE, colour)
    archive = draft.config.archive if draft.config else None
    upload(connection, [*contents.values(), *([archive] if archive else [])], on_event)
    if all(given.files for given in seen.by_role.values()):
        with draft.findings.collecting():
            return preflight(connection, without(spec, unusable), on_event)
    # Refused as a whole, or incomplete: what the artist made can still be looked at.
    return preflight(connection, bare(spec), on_event)


def _problem_of(error: ClientError) -> types_pb2.Problem:
    return types_pb2.Problem(
        severity=types_pb2.SEVERITY_ERROR,
        code=error.code,
        frames=[error.frame] if error.frame is not None else [],
        file=error.file,
        message=error.message,
        fix=error.fix,
    )
