# SPDX-License-Identifier: Apache-2.0
"""From a draft without problems to an accepted job: files hashed, mattes checked, frames sent, job submitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from void.v1 import jobs_pb2, server_pb2, types_pb2

from void_client import events
from void_client.colour_config import ColourConfig, colour_space
from void_client.connection import Connection, Retries
from void_client.content import Content, hash_files
from void_client.errors import BadInput, Left, ServerDefect, SpecRefused
from void_client.events import Sink
from void_client.inputs import InputFile, Inputs
from void_client.roots import Root, rooted_files
from void_client.specification import RemoveOptions, Source, build_spec
from void_client.transfer import upload

PREFLIGHT_TIMEOUT_S = 3600.0
"""Longest wait for the server to look at all frames."""


@dataclass(frozen=True)
class Order:
    """An order that is ready to be sent: its spec, and where the server finds each file."""

    spec: jobs_pb2.JobSpec
    inputs: Inputs
    sources: Mapping[Path, Source]
    archive: Content | None

    def checked_first(self) -> list[Content]:
        """What preflight needs to check the artist's part: mattes, the first plate frame, the colour config."""
        return [
            *self._contents(self.inputs.checked_before_plates()),
            *([self.archive] if self.archive else []),
        ]

    def everything(self) -> list[Content]:
        """All that must be sent."""
        return [*self._contents(self.inputs.files()), *([self.archive] if self.archive else [])]

    def _contents(self, files: Iterable[InputFile]) -> list[Content]:
        found = (self.sources[f.path] for f in files)
        return [source for source in found if isinstance(source, Content)]


def prepare(
    options: RemoveOptions,
    inputs: Inputs,
    config: ColourConfig | None,
    output: types_pb2.OutputPlace,
    roots: Sequence[Root],
    on_event: Sink,
) -> Order:
    """Hash all files that must be sent and make the spec; needs no server.

    Args:
        options: what the user asks.
        inputs: the files found.
        config: the OCIO config that travels with the job.
        output: where the results go.
        roots: storage that the server mounts too.
        on_event: told how far the hashing is, and what is not sent.

    Raises:
        SpecRefused: files are unreadable; all of them are named.
    """
    sources, unreadable = find_sources(inputs.files(), roots, on_event)
    if unreadable:
        raise SpecRefused(unreadable_problems(inputs, unreadable))
    spec = build_spec(options, inputs, sources, output, colour_space(options.colour_space, config))
    return Order(spec, inputs, sources, config.archive if config else None)


def find_sources(
    files: Iterable[InputFile], roots: Sequence[Root], on_event: Sink
) -> tuple[dict[Path, Source], list[BadInput]]:
    """Where the server will find each file, and what is wrong with the others.

    Args:
        files: the files.
        roots: storage that the server mounts too; files on it are not hashed, and not sent.
        on_event: told how far the hashing is, and what is not sent.
    """
    names = {f.path: f.name for f in files}
    paths, unreadable = rooted_files(names.items(), roots)
    refused = {error.file for error in unreadable}
    to_hash = [(p, name) for p, name in names.items() if p not in paths and name not in refused]
    if paths:
        where = ", ".join(sorted({p.root for p in paths.values()}))
        on_event(events.Notes((f"{len(paths)} files are read where they lie ({where}), and not sent.",)))
    contents, unhashed = hash_files(to_hash, on_event) if to_hash else ({}, [])
    return {**paths, **contents}, [*unreadable, *unhashed]


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
    upload(connection, order.checked_first(), on_event)
    first = preflight(connection, order.spec, on_event)
    tell_report(first, None, on_event)
    if upload(connection, order.everything(), on_event) or first.unseen_files:
        tell_report(preflight(connection, order.spec, on_event), first, on_event)
    return submit(connection, order.spec, again, on_event)


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
        answer = connection.call(lambda s: s.jobs.Submit, request, repeatable=not again)
        job, state = answer.job, events.state_name(answer.job.state)
        on_event(events.Accepted(job.id, job.request_id, job.attempt, answer.created, state))
    except KeyboardInterrupt as error:
        finds = "" if again else "The same command finds it; "
        raise Left(
            "Interrupted while the job was being submitted; the server may have accepted it.",
            fix=f"{finds}`void jobs list` shows it, `void jobs cancel` ends it.",
        ) from error
    return answer


def preflight(connection: Connection, spec: jobs_pb2.JobSpec, on_event: Sink) -> jobs_pb2.PreflightReport:
    """Let the server look at all that was uploaded; returns its report."""
    retries = Retries(connection.policy)
    while True:
        try:
            messages = connection.stubs.jobs.Preflight(
                jobs_pb2.PreflightRequest(spec=spec),
                timeout=PREFLIGHT_TIMEOUT_S,
                metadata=connection.metadata,
            )
            for message in messages:
                if message.HasField("report"):
                    return message.report
                on_event(events.progressed(message.progress))
            raise ServerDefect("The server's preflight ended without a report.")
        except grpc.RpcError as error:
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
