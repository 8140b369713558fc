# SPDX-License-Identifier: Apache-2.0
"""`void batch`: all shots of a file, with a report at the end."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from void.v1 import jobs_pb2, server_pb2

from void_client import events
from void_client.abilities import check_capabilities
from void_client.batch.report import Reported, write_report
from void_client.batch.run import BatchRun, Ended, Shot, cancel_all, message_of, most_at_a_time
from void_client.batch.shots import ShotFile, ShotWish, read_shots
from void_client.batch.state import DONE, FAILED, BatchState, fingerprint, state_path
from void_client.cli import remove
from void_client.cli.connecting import add_root_option, add_server_options, client_roots, connect
from void_client.cli.site_defaults import apply_site, check_locks
from void_client.cli.terminal import Speaker
from void_client.colour_config import chosen_config
from void_client.connection import Connection
from void_client.draft import Draft, draft_order
from void_client.errors import BadInput, ClientError, ExitCode, Left, SpecRefused, WriteFailed
from void_client.order import capabilities
from void_client.roots import shared_roots
from void_client.sequence import parse_range

AT_MOST = 4
"""Jobs at a time unless told: as many as a server works on at once."""
SOME_FAILED = 1
"""Exit code: the batch ended, and a shot of it failed."""

_DESCRIPTION = """\
Orders every shot of a TOML file, a few at a time, writes the results, and ends with a report page.

  title = "reel 3"

  [defaults]                                  # the options of `void remove`; {shot} is the shot's name
  plate  = "plates/{shot}/{shot}.####.exr"    # relative paths begin at the file's folder
  remove = "roto/{shot}.####.exr:red"
  out    = "void/{shot}"
  options = {grain = "on"}                    # --set

  [shots.sh010]
  range = "1001-1040"

  [shots.sh020]
  affected = "roto/{shot}_shadow.####.exr"
  seed = 7

All orders are checked before the first is sent, and everything that is wrong is told at once. What only the server
finds in the frames fails that shot alone. Ctrl-C leaves, and the jobs under way go on; the same command goes on, too,
after any break, and does again only what is not done, or whose files changed."""

_EPILOG = """\
examples:
  void batch shots.toml
  void batch shots.toml --server gpu1:7788 --at-most 8 --report reel3/
  void batch shots.toml --check             (only look)
  void batch shots.toml --skip              (leave out what is wrong, do the others)
  void batch shots.toml --cancel            (end the jobs under way)
  void batch shots.toml --only sh010        (one shot, as `void remove` does it)

files: shots.state.json beside the file: what is done; REPORT/index.html, report.json, sheets/

exit codes:
  0    every shot is done
  1    a shot failed, or was left out with --skip; the report says why
  2    bad input: nothing was ordered
  3    the server cannot be reached, or does not accept the token
  4    the report could not be written, or the client itself failed
  130  left with Ctrl-C"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void`."""
    parser = commands.add_parser(
        "batch",
        help="remove from hundreds of shots, and report",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, metavar="SHOTS.toml", help="the shots")
    parser.add_argument(
        "--at-most",
        type=int,
        default=AT_MOST,
        metavar="N",
        help=f"jobs at a time, never more than the server allows a user (default: {AT_MOST})",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="folder of the report (default: NAME_report beside the file)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="check all orders, and send none")
    what.add_argument("--skip", action="store_true", help="leave out shots that are wrong, instead of all")
    what.add_argument(
        "--only",
        metavar="SHOT",
        default="",
        help="run this shot alone, as `void remove` would: no state, no report; Ctrl-C cancels its job",
    )
    what.add_argument("--cancel", action="store_true", help="ask the jobs under way to stop")
    add_server_options(parser)
    add_root_option(parser)
    parser.add_argument(
        "--upload", action="store_true", help="send all frames, also those on storage that the server mounts"
    )
    parser.set_defaults(run=run)


@dataclass
class _Checked:
    """What the checks left: shots to be ordered, and by name what is wrong with the others."""

    shots: list[Shot] = field(default_factory=list)
    wrong: dict[str, list[str]] = field(default_factory=dict)


def run(arguments: argparse.Namespace, speaker: Speaker) -> int:
    """Run the command; returns its exit code.

    Raises:
        ClientError: see its exit code.
    """
    file = read_shots(arguments.file)
    if file.problems:
        raise _all_wrong({"": list(file.problems)}, speaker)
    if arguments.only:
        return _only(file, arguments, speaker)
    state = BatchState(state_path(arguments.file))
    with connect(arguments) as connection:
        connection.greet(on_wait=lambda text: speaker(events.Notes((text,))))
        if arguments.cancel:
            return _cancel(connection, state, file, speaker)
        server = capabilities(connection)
        checked = _check(file, arguments, server)
        if checked.wrong and not arguments.skip:
            raise _all_wrong(checked.wrong, speaker)
        _tell_wrong(checked.wrong, speaker)
        if arguments.check:
            said = f"{len(checked.shots)} shots can be ordered."
            speaker.print(said, {"event": "checked", "shots": [s.name for s in checked.shots]})
            return ExitCode.DONE
        return _run(connection, server, file, checked, state, arguments, speaker)


def _only(file: ShotFile, arguments: argparse.Namespace, speaker: Speaker) -> int:
    """One shot, as a command of its own."""
    wish = next((wish for wish in file.shots if wish.name == arguments.only), None)
    if wish is None:
        raise BadInput(f"{file.path} names no shot {arguments.only}.", file=str(file.path))
    return int(remove.run(_options_of(wish, _template(arguments)), speaker))


def _run(
    connection: Connection,
    server: server_pb2.GetCapabilitiesResponse,
    file: ShotFile,
    checked: _Checked,
    state: BatchState,
    arguments: argparse.Namespace,
    speaker: Speaker,
) -> int:
    reported = [
        Reported(name, FAILED, "", " ".join(texts), "", None, None) for name, texts in checked.wrong.items()
    ]

    def ended(one: Ended) -> None:
        reported.append(_reported(one))
        _tell_ended(one, speaker)

    limits = {limit.name: limit.value for limit in server.limits}
    roots = () if arguments.upload else shared_roots(client_roots(arguments), server.roots)
    at_most = most_at_a_time(arguments.at_most, limits)
    batch = BatchRun(connection, server, checked.shots, roots, state, at_most, speaker, ended)
    try:
        batch.run()
    except KeyboardInterrupt as error:
        again = f"void batch {arguments.file}"
        raise Left(
            f"Left with {batch.done} of {len(checked.shots)} shots done; {batch.flying} jobs go on on the server.",
            fix=f"`{again}` goes on from here; `{again} --cancel` ends the jobs.",
        ) from error
    folder = arguments.report or arguments.file.with_name(f"{arguments.file.stem}_report")
    try:
        page = write_report(folder, file.title, reported)
    except OSError as problem:
        raise WriteFailed(
            f"The report {folder} cannot be written: {problem.strerror or problem}."
        ) from problem
    failed = sum(shot.state != DONE for shot in reported)
    done = len(reported) - failed
    told = {"event": "batch", "done": done, "failed": failed, "report": str(page)}
    speaker.print(f"{done} shots done, {failed} failed. Report: {page}", told)
    return SOME_FAILED if failed else ExitCode.DONE


def _check(
    file: ShotFile, arguments: argparse.Namespace, server: server_pb2.GetCapabilitiesResponse
) -> _Checked:
    checked, places = _Checked(), dict[Path, str]()
    template = _template(arguments)
    for wish in file.shots:
        try:
            shot, problems = _shot(wish, template, server)
        except ClientError as error:
            shot, problems = None, [str(error)]
        place = shot.folder.root / shot.folder.name if shot is not None else None
        if place is not None and places.setdefault(place, wish.name) != wish.name:
            problems.append(
                f"Its results would lie on those of {places[place]}: {place}. Change out or name."
            )
        if problems or shot is None:
            checked.wrong[wish.name] = problems
        else:
            checked.shots.append(shot)
    return checked


def _template(arguments: argparse.Namespace) -> argparse.Namespace:
    """The options of `void remove` as they are without any, by the site; the server as this command has it."""
    parser = argparse.ArgumentParser(add_help=False)
    remove.add_parser(parser.add_subparsers())
    apply_site(parser, arguments.site)
    template = parser.parse_args(["remove", "--plate", ""])
    for name in ("server", "local", "token_file", "ca", "json", "root", "upload"):
        setattr(template, name, getattr(arguments, name))
    return template


def _shot(
    wish: ShotWish, template: argparse.Namespace, server: server_pb2.GetCapabilitiesResponse
) -> tuple[Shot | None, list[str]]:
    """A shot with what is wrong with it.

    Raises:
        BadInput: it cannot be read as an order.
    """
    options = _options_of(wish, template)
    frames = parse_range(options.range) if options.range else None
    asked = remove.options_of(options)
    draft = draft_order(asked, frames, lambda: chosen_config(options.ocio, os.environ))
    found = len(draft.inputs.range) if draft.inputs else 0
    draft.findings.add(u.problem for u in check_capabilities(asked, found, server))
    if draft.findings or draft.inputs is None or draft.folder is None:
        return None, _texts(draft.findings.refusal())
    return Shot(wish, draft, draft.folder, _fingerprint(wish, draft)), []


def _options_of(wish: ShotWish, template: argparse.Namespace) -> argparse.Namespace:
    """The shot as the options of `void remove`.

    Raises:
        BadInput: the site locks one at another value.
    """
    values = {("output" if key == "out" else key): value for key, value in wish.values.items()}
    options = argparse.Namespace(**{**vars(template), **values})
    options.set = [f"{name}={value}" for name, value in wish.options.items()]
    check_locks(options)
    return options


def _fingerprint(wish: ShotWish, draft: Draft) -> str:
    config = draft.config
    named = "" if config is None else config.archive.blob.digest if config.archive else config.builtin
    return fingerprint(wish, named, [f.path for f in draft.inputs.files()] if draft.inputs else [])


def _texts(error: ClientError) -> list[str]:
    if not isinstance(error, SpecRefused):
        return [str(error)]
    found = [events.finding(problem) for problem in error.problems]
    return [f"{f.input}: {f.message} {f.fix}".strip().removeprefix(": ") for f in found]


def _tell_wrong(wrong: Mapping[str, Sequence[str]], speaker: Speaker) -> None:
    for name, texts in wrong.items():
        for text in texts:
            said = f"error: {name}: {text}" if name else f"error: {text}"
            speaker.print(said, {"event": "shot_problem", "shot": name, "message": text})


def _all_wrong(wrong: Mapping[str, Sequence[str]], speaker: Speaker) -> ClientError:
    _tell_wrong(wrong, speaker)
    count = sum(len(texts) for texts in wrong.values())
    return BadInput(
        f"{count} problem{'s' if count > 1 else ''} must be solved first; nothing was ordered.",
        fix="" if "" in wrong else "--skip leaves these shots out.",
    )


def _tell_ended(one: Ended, speaker: Speaker) -> None:
    state = one.state
    told = {
        "event": "shot",
        "shot": one.shot.name,
        "state": state.state,
        "job": state.job,
        "message": state.message,
    }
    why = f": {state.message}" if state.message else f", {one.shot.folder.root}"
    text = f"{one.shot.name} {state.state} ({one.done}/{one.total}){why}"
    speaker.print(text, {**told, "done": one.done, "total": one.total})


def _reported(one: Ended) -> Reported:
    folder, state = one.shot.folder, one.state
    files: Iterable[Path | None] = (
        folder.path(kind, 0) for kind in (jobs_pb2.OUTPUT_KIND_SIDECAR, jobs_pb2.OUTPUT_KIND_CONTACT_SHEET)
    )
    sidecar, sheet = files if state.state == DONE else (None, None)
    return Reported(one.shot.name, state.state, state.job, state.message, str(folder.root), sidecar, sheet)


def _cancel(connection: Connection, state: BatchState, file: ShotFile, speaker: Speaker) -> int:
    asked = cancel_all(connection, state, [wish.name for wish in file.shots])
    for name, job, error in asked:
        said = message_of(error) if error else "asked to stop"
        speaker.print(
            f"{name}: job {job}: {said}", {"event": "cancel", "shot": name, "job": job, "said": said}
        )
    if not asked:
        speaker.print("No job of this batch is under way.", {"event": "cancel"})
    return ExitCode.DONE
