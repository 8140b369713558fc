# SPDX-License-Identifier: Apache-2.0
"""From a draft without problems to an accepted job: mattes checked, then frames read, sent and looked at side by side,
and the job submitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
from void.v1 import jobs_pb2, server_pb2, types_pb2

from void_client import events
from void_client.colour_config import ColourConfig, colour_space
from void_client.connection import CALL_TIMEOUT_S, Connection, Retries
from void_client.content import HASH_THREADS, Content, Meter, hash_files, look_at_file
from void_client.early_looks import EarlyLooks
from void_client.errors import BadInput, Left, ServerDefect, SpecRefused
from void_client.events import Sink
from void_client.inputs import ROLES, InputFile, Inputs
from void_client.roots import Root, rooted_files
from void_client.sending import Sending
from void_client.specification import RemoveOptions, Source, build_spec
from void_client.stop import Stop, Stopped
from void_client.transfer import upload

SECONDS_PER_NAMED_FILE = 0.05
"""Longer that the server may take over an order for each file that it must look at where it lies."""

PREFLIGHT_TIMEOUT_S = 3600.0
"""Longest wait for the server to look at all frames."""


ABSENCES = frozenset({"missing_frames", "no_overlap"})
"""What a server says of frames that it was not given; the client knows better which are missing."""


@dataclass(frozen=True)
class Order:
    """An order whose mattes, clean plates and first plate frame are read.

    Attributes:
        options: what the user asks.
        inputs: the files found, all of them.
        config: the OCIO config that travels with the job.
        output: where the results go.
        paths: the files that the server reads where they lie, by path.
        contents: the files that were read, by path.
    """

    options: RemoveOptions
    inputs: Inputs
    config: ColourConfig | None
    output: types_pb2.OutputPlace
    paths: Mapping[Path, types_pb2.RootedPath]
    contents: Mapping[Path, Content]

    def checked_first(self) -> list[Content]:
        """What preflight needs to check the artist's part: what it made, the first plate frame, the colour config."""
        archive = self.config.archive if self.config else None
        return [*self.contents.values(), *([archive] if archive else [])]

    def later(self) -> list[InputFile]:
        """The files that are read and sent once the artist's part was checked."""
        return [f for f in self.inputs.files() if f.path not in self.contents and f.path not in self.paths]

    def spec(self, sent: Mapping[Path, Content]) -> jobs_pb2.JobSpec:
        """The order of what was read first and of what was sent since; the whole order once all is sent."""
        sources: dict[Path, Source] = {**self.paths, **self.contents, **sent}
        colour = colour_space(self.options.colour_space, self.config)
        return build_spec(self.options, self.inputs.only(sources), sources, self.output, colour)


def prepare(
    options: RemoveOptions,
    inputs: Inputs,
    config: ColourConfig | None,
    output: types_pb2.OutputPlace,
    roots: Sequence[Root],
    on_event: Sink,
) -> Order:
    """Read what the artist made and the first plate frame, and make sure that the rest can be read; needs no server.

    Args:
        options: what the user asks.
        inputs: the files found.
        config: the OCIO config that travels with the job.
        output: where the results go.
        roots: storage that the server mounts too: files on it are neither hashed nor sent.
        on_event: told how far the hashing is, and what is not sent.

    Raises:
        SpecRefused: files are unreadable; all of them are named.
    """
    paths, unreadable = read_in_place(inputs.files(), roots, on_event)
    told = {error.file for error in unreadable}
    to_send = [f for f in inputs.checked_before_plates() if f.path not in paths and f.name not in told]
    contents, unhashed = hash_files(((f.path, f.name) for f in to_send), on_event)
    unreadable += unhashed
    told |= {f.name for f in to_send}
    order = Order(options, inputs, config, output, paths, contents)
    unreadable += unopenable((f for f in order.later() if f.name not in told), on_event)
    if unreadable:
        raise SpecRefused(unreadable_problems(inputs, unreadable))
    return order


def unopenable(files: Iterable[InputFile], on_event: Sink) -> list[BadInput]:
    """What is wrong with files that are to be read later, as far as opening them shows."""
    listed = list(files)
    meter = Meter("looking", len(listed), 0, on_event)

    def one(file: InputFile) -> BadInput | None:
        try:
            look_at_file(file.path, file.name)
        except BadInput as error:
            return error
        finally:
            meter.add(files=1)
        return None

    with ThreadPoolExecutor(HASH_THREADS, "void-look") as pool:
        return [error for error in pool.map(one, listed) if error]


def read_in_place(
    files: Iterable[InputFile], roots: Sequence[Root], on_event: Sink
) -> tuple[dict[Path, types_pb2.RootedPath], list[BadInput]]:
    """The files that the server reads where they lie, and what is wrong with them.

    Args:
        files: the files.
        roots: storage that the server mounts too.
        on_event: told how far the looking is, and how many they are.
    """
    paths, unreadable = rooted_files(((f.path, f.name) for f in files), roots, on_event)
    if paths:
        where = ", ".join(sorted({path.root for path in paths.values()}))
        on_event(events.Notes((f"{len(paths)} files are read where they lie ({where}), and not sent.",)))
    return paths, unreadable


def capabilities(connection: Connection) -> server_pb2.GetCapabilitiesResponse:
    """What the server can do."""
    return connection.call(lambda s: s.server.GetCapabilities, server_pb2.GetCapabilitiesRequest())


def place(connection: Connection, order: Order, again: bool, on_event: Sink) -> jobs_pb2.SubmitResponse:
    """Check an order with the server, send what it lacks, and submit it.

    Args:
        connection: the server.
        order: what `prepare` made.
        again: compute everything anew.
        on_event: told findings, notes, how far the sending is, and the accepted job.

    Raises:
        SpecRefused: the server found errors.
        ClientError: anything else.
    """
    return submit(connection, bring(connection, order, on_event), again, on_event)


def bring(connection: Connection, order: Order, on_event: Sink) -> jobs_pb2.JobSpec:
    """Check an order with the server and send what it lacks, side by side; returns what can be submitted.

    Raises: as `place`.
    """
    later = order.later()
    with Sending(connection, ((f.path, f.name) for f in later), on_event) as sending:
        upload(connection, order.checked_first(), on_event)
        first = _look(connection, order, {}, on_event)
        tell_report(first, None, on_event)
        sent = _send(connection, order, sending, on_event) if later else {}
    if later:
        tell_report(_look(connection, order, sent, on_event), first, on_event)
    return order.spec(sent)


def _send(connection: Connection, order: Order, sending: Sending, on_event: Sink) -> Mapping[Path, Content]:
    """Send what is left, while the server looks at what has arrived; returns the contents of all of it.

    Raises:
        SpecRefused: a file could not be read after all; with it is told what the server found in the others.
        ClientError: a file could not be sent.
    """

    def look(contents: Mapping[Path, Content], on_event: Sink, stop: Stop) -> jobs_pb2.PreflightReport:
        return _look(connection, order, contents, on_event, stop)

    with EarlyLooks(look, sending.arrived, len(order.later()), on_event) as looks:
        sent = sending.run(looks.more_arrived)
        looks.finish()
    if sent.unreadable:
        report = _look(connection, order, sent.contents, on_event)
        problems = [*unreadable_problems(order.inputs, sent.unreadable), *report.problems]
        raise SpecRefused(problems, report.unseen_files - len(sent.unreadable))
    return sent.contents


def _look(
    connection: Connection,
    order: Order,
    sent: Mapping[Path, Content],
    on_event: Sink,
    stop: Stop | None = None,
) -> jobs_pb2.PreflightReport:
    """The server's report of what it has so far; the other files count as unseen, not as missing."""
    report = preflight(connection, order.spec(sent), on_event, stop)
    if unseen := len({f.path for f in order.later()} - sent.keys()):
        report.unseen_files += unseen
        there = [p for p in report.problems if p.code not in ABSENCES]
        del report.problems[:]
        report.problems.extend(there)
    return report


def submit(
    connection: Connection, spec: jobs_pb2.JobSpec, again: bool, on_event: Sink
) -> jobs_pb2.SubmitResponse:
    """Submit a spec whose files the server has, and tell the accepted job.

    Raises:
        ClientError: the server refused, or the connection stayed broken; with `again` it is not tried twice, because
            each time would make one attempt more.
        Left: Ctrl-C was pressed while nobody knows whether the server has the job.
    """
    request = jobs_pb2.SubmitRequest(spec=spec, again=again)
    try:
        limit = CALL_TIMEOUT_S + SECONDS_PER_NAMED_FILE * sum(f.HasField("path") for f in _files(spec))
        answer = connection.call(lambda s: s.jobs.Submit, request, timeout_s=limit, repeatable=not again)
        job, state = answer.job, events.state_name(answer.job.state)
        on_event(events.Accepted(job.id, job.request_id, job.attempt, answer.created, state))
    except KeyboardInterrupt as error:
        finds = "" if again else "The same command finds it; "
        raise Left(
            "Interrupted while the job was being submitted; the server may have accepted it.",
            fix=f"{finds}`void jobs list` shows it, `void jobs cancel` ends it.",
        ) from error
    return answer


def _files(spec: jobs_pb2.JobSpec) -> Iterator[types_pb2.FrameFile]:
    for role in ROLES:
        yield from getattr(spec.shot, role).files


def preflight(
    connection: Connection, spec: jobs_pb2.JobSpec, on_event: Sink, stop: Stop | None = None
) -> jobs_pb2.PreflightReport:
    """Let the server look at all that was uploaded; returns its report.

    Args:
        stop: ends it early.

    Raises:
        ClientError: the server refused, or the connection stayed broken.
        Stopped: a stop was requested.
    """
    stop = stop or Stop()
    retries = Retries(connection.policy, stop.sleep)
    while True:
        try:
            messages = connection.stubs.jobs.Preflight(
                jobs_pb2.PreflightRequest(spec=spec),
                timeout=PREFLIGHT_TIMEOUT_S,
                metadata=connection.metadata,
            )
            with stop.tracking(messages):
                for message in messages:
                    if message.HasField("report"):
                        return message.report
                    on_event(events.progressed(message.progress))
            raise ServerDefect("The server's preflight ended without a report.")
        except grpc.RpcError as error:
            if stop.requested:
                raise Stopped from error
            if not retries.absorb(error):
                raise connection.error(error) from error
            connection.renew()


def tell_report(
    report: jobs_pb2.PreflightReport, told_before: jobs_pb2.PreflightReport | None, on_event: Sink
) -> None:
    """Tell what a report adds to an earlier one.

    Raises:
        SpecRefused: it holds errors.
    """
    before = told_before or jobs_pb2.PreflightReport()
    notes = tuple(n for n in report.notes if n not in before.notes)
    problems = [p for p in report.problems if p not in before.problems]
    if notes:
        on_event(events.Notes(notes))
    if any(p.severity == types_pb2.SEVERITY_ERROR for p in report.problems):
        raise SpecRefused(problems, report.unseen_files)
    if problems or report.unseen_files:
        on_event(events.Preflight(tuple(map(events.finding, problems)), report.unseen_files))


def unreadable_problems(inputs: Inputs, errors: list[BadInput]) -> list[types_pb2.Problem]:
    """The problems to tell of files that could not be hashed."""
    where = {f.name: (role, f.frame) for role, given in inputs.by_role.items() for f in given.files}
    return [
        types_pb2.Problem(
            severity=types_pb2.SEVERITY_ERROR,
            code="unreadable",
            input=where[e.file][0],
            frames=[where[e.file][1]],
            file=e.file,
            message=e.message,
            fix=e.fix,
        )
        for e in errors
    ]
