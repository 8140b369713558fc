# SPDX-License-Identifier: Apache-2.0
"""`void capabilities`: what a server can do."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from google.protobuf.json_format import MessageToDict
from void.v1 import server_pb2

from void_client.abilities import describe_values
from void_client.cli.connecting import add_server_options, connect
from void_client.cli.terminal import Speaker, table
from void_client.errors import ExitCode
from void_client.order import capabilities


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void`."""
    parser = commands.add_parser(
        "capabilities",
        help="what the server can do: engines, options, limits",
        description="Lists the server's engines, segmenters, reasoners, finders, options for --set, and limits.",
        epilog="exit codes: 0 done, 2 bad input, 3 server unreachable",
    )
    add_server_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """Run the command."""
    with connect(arguments) as connection:
        answer = capabilities(connection)
    data = {"event": "capabilities", **MessageToDict(answer, preserving_proto_field_name=True)}
    speaker.print(describe(answer), data)
    return ExitCode.DONE


def describe(answer: server_pb2.GetCapabilitiesResponse) -> str:
    """What the server can do, for people."""
    packages = ", ".join(f"{name} {version}" for name, version in sorted(answer.packages.items()))
    sections = [f"Server {answer.version}, {answer.workers} workers" + (f" ({packages})" if packages else "")]
    for title, plugs in (
        ("Engines (--engine)", answer.engines),
        ("Segmenters", answer.segmenters),
        ("Reasoners (--reasoner)", answer.reasoners),
        ("Finders (--instruction alone, with the segmenter sam2)", answer.finders),
    ):
        sections.append(_section(title, (_plug_row(p) for p in plugs)))
    options = (
        (o.name, describe_values(o), f"default {o.default_value or 'empty'}", o.help) for o in answer.options
    )
    sections.append(_section("Options (--set NAME=VALUE)", options))
    limits = ((limit.name, f"{limit.value:,} {limit.unit}", limit.help) for limit in answer.limits)
    sections.append(_section("Limits", limits))
    sections.append(_section("Roots (files there are not sent)", ((name,) for name in answer.roots)))
    return "\n\n".join(filter(None, sections))


def _plug_row(plug: server_pb2.Plug) -> tuple[str, ...]:
    limit = f"at most {plug.max_frames} frames" if plug.max_frames else ""
    return (
        plug.name,
        "ready" if plug.available else plug.unavailable_reason or "not now",
        limit,
        plug.description,
    )


def _section(title: str, rows: Iterable[tuple[str, ...]]) -> str:
    listed = list(rows)
    if not listed:
        return ""
    return f"{title}\n" + "\n".join(f"  {line}" for line in table(listed).splitlines())
