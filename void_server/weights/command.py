# SPDX-License-Identifier: Apache-2.0
"""The command `void-server weights`: for whoever runs the server, on its machine."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from void_server.errors import InvalidInput
from void_server.weights.catalogue import GROUPS, SAM2, SAM2_FOLDERS, USUAL_GROUPS, WeightFile, select
from void_server.weights.fetch import fetch
from void_server.weights.folder import locked, repair, weights_folder
from void_server.weights.importing import find, import_files
from void_server.weights.layout import State, expected, state_of, statuses
from void_server.weights.licences import LICENCES, require_accepted
from void_server.weights.record import load, save
from void_server.weights.verify import Checked, now, verify

_DESCRIPTION = """\
The model weights of the engine `void` and of the segmenter `sam2`.

  base   VAE, text encoder, tokenizer, configurations    CogVideoX licence, to be accepted once
  void   void_pass1.safetensors, void_pass2.safetensors  Apache-2.0
  sam2   checkpoints of SAM2                             Apache-2.0
  sam2-transformers
         the same in transformers' format                Apache-2.0; fetched where it is named

They lie in $VOID_WEIGHTS, else in the folder `weights` of the user's data folder. Without a network, fetch on another
machine, copy that folder to a disk, and import it here.
"""
_WHICH = f"group ({', '.join(GROUPS)}) or file; without one {{}}"

QUIET_SECONDS = 2.0
"""What takes less is not worth a line of progress."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void-server`; `run` of the parsed options returns the exit code."""
    raw = argparse.RawDescriptionHelpFormatter
    actions = commands.add_parser(
        "weights",
        help="bring model weights in, and verify them",
        description=_DESCRIPTION,
        formatter_class=raw,
    ).add_subparsers(dest="action", required=True)

    actions.add_parser("list", help="every file: how it stands, and its licence").set_defaults(run=_list)

    fetching = actions.add_parser("fetch", help="fetch what is missing or wrong from the Hugging Face Hub")
    usual = ", ".join(USUAL_GROUPS)
    fetching.add_argument("which", nargs="*", metavar="GROUP", help=_WHICH.format(usual))
    fetching.set_defaults(run=_fetch)

    importing = actions.add_parser("import", help="copy what is missing or wrong from a folder or a disk")
    importing.add_argument("source", type=Path, metavar="FOLDER", help="searched three levels deep")
    importing.add_argument("which", nargs="*", metavar="GROUP", help=_WHICH.format("all"))
    importing.set_defaults(run=_import)
    for parser in (fetching, importing):
        parser.add_argument(
            "--accept-licence",
            action="append",
            default=[],
            choices=sorted(LICENCES),
            metavar="NAME",
            help=f"accept a licence by its name ({', '.join(sorted(LICENCES))}); kept for later",
        )
        parser.add_argument(
            "--anew",
            action="store_true",
            help="take all files again, and others than those verified before too",
        )

    verifying = actions.add_parser(
        "verify", help="check lengths and digests; exit code 1 if a file is missing, truncated or wrong"
    )
    verifying.add_argument(
        "which",
        nargs="*",
        metavar="GROUP",
        help="group or file; base and void when none is named, sam2 if there",
    )
    verifying.add_argument(
        "--again", action="store_true", help="read also what was verified and has not been written to since"
    )
    verifying.set_defaults(run=_verify)

    actions.add_parser("path", help="print the weights folder").set_defaults(run=_path)


def _list(_options: argparse.Namespace, _default_store: Path) -> int:
    folder = weights_folder()
    record = load(folder)
    print(f"{'file':54} {'group':17} {'size':>10} {'state':18} licence")
    groups = dict.fromkeys((*USUAL_GROUPS, *_groups_here(folder)))
    for file, status in statuses(folder, expected(folder / "base", select(groups)), record):
        optional = "" if file.required else " (optional)"
        size = _size(status.size) if status.size else f"~{_size(file.about_bytes)}"
        print(f"{file.name:54} {file.group:17} {size:>10} {status.state.value + optional:18} {file.licence}")
    for name, licence in LICENCES.items():
        if licence.to_accept:
            print(f"The {name} licence was {_accepted(record.accepted.get(name))}. {licence.summary}")
    return 0


def _fetch(options: argparse.Namespace, _default_store: Path) -> int:
    folder = weights_folder()
    files = select(options.which)
    with locked(folder):
        _accept(folder, files, options, " ".join(("void-server weights fetch", *options.which)))
        fetched = fetch(folder, files, anew=options.anew, progress=ProgressLine())
    for file in fetched:
        print(f"fetched {file.name}")
    print(f"{len(fetched)} files fetched into {folder}; the others were there.")
    return 0


def _import(options: argparse.Namespace, _default_store: Path) -> int:
    folder = weights_folder()
    found = find(options.source, select(options.which or GROUPS))
    if not found:
        raise InvalidInput(
            f"{options.source} holds none of the files.",
            fix="It should hold a folder base, or files such as void_pass1.safetensors, at most three levels deep;"
            " `void-server weights list` names them.",
        )
    command = ("void-server", "weights", "import", str(options.source), *options.which)
    with locked(folder):
        _accept(folder, [item.file for item in found], options, shlex.join(command))
        copied = import_files(folder, found, anew=options.anew, progress=ProgressLine())
    for item in copied:
        print(f"imported {item.file.name}")
    print(f"{len(copied)} files imported into {folder}; {len(found) - len(copied)} were there.")
    groups = options.which or sorted({item.file.group for item in found})
    return _tell_missing(folder, select(groups), groups)


def _verify(options: argparse.Namespace, _default_store: Path) -> int:
    folder = weights_folder()
    which = options.which or _groups_here(folder)
    with locked(folder):
        files = [
            file
            for file in expected(folder / "base", select(which))
            if file.required or (folder / file.name).exists()
        ]
        checked = verify(folder, files, again=options.again, progress=ProgressLine())
    for found in checked:
        _print_checked(folder, found)
    bad = [found for found in checked if found.status.state is not State.PRESENT]
    if not bad:
        print(f"{len(checked)} files are whole and as recorded.")
        return 0
    print(f"{len(bad)} of {len(checked)} files are not usable. {_repair_of(bad)}", file=sys.stderr)
    return 1


def _path(_options: argparse.Namespace, _default_store: Path) -> int:
    print(weights_folder())
    return 0


def _accept(folder: Path, files: Iterable[WeightFile], options: argparse.Namespace, command: str) -> None:
    record = load(folder)
    require_accepted(files, {*record.accepted, *options.accept_licence}, command)
    accepted = record.with_accepted(options.accept_licence, now())
    if accepted != record:
        save(folder, accepted)


def _tell_missing(folder: Path, files: Sequence[WeightFile], groups: Iterable[str]) -> int:
    record = load(folder)
    needed = [file for file in expected(folder / "base", files) if file.required]
    bad = [(f, s) for f, s in statuses(folder, needed, record) if s.state is not State.PRESENT]
    for file, status in bad:
        print(f"{file.name} is {status}", file=sys.stderr)
    if bad:
        print(f"These files were not in the folder. {repair(*groups)}", file=sys.stderr)
    return 1 if bad else 0


def _groups_here(folder: Path) -> list[str]:
    """What is verified when nothing is named: without SAM2 the engine works, so its absence is no fault."""

    def some(group: str) -> bool:
        return any(state_of(folder / file.name).state is not State.MISSING for file in select([group]))

    return [group for group in GROUPS if group not in (SAM2, SAM2_FOLDERS) or some(group)]


def _print_checked(folder: Path, found: Checked) -> None:
    if found.status.state is not State.PRESENT:
        print(f"{folder / found.file.name} is {found.status}", file=sys.stderr)
        return
    sha256 = found.recorded.sha256 if found.recorded else ""
    print(f"{'recorded' if found.first else 'ok':10} {sha256}  {found.file.name}")
    if found.remark:
        print(f"{'note':10} {found.remark}")


def _repair_of(bad: Iterable[Checked]) -> str:
    return repair(*dict.fromkeys(found.file.group for found in bad))


def _accepted(date: str | None) -> str:
    return f"accepted on {date[:10]}" if date else "not accepted yet"


def _size(count: int) -> str:
    """A length in decimal units, as disks and the hub count."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.2f} {unit}"
    return f"{count} B"


class ProgressLine:
    """Tells on stderr how far a file is and how long the rest takes, once it has taken `QUIET_SECONDS`."""

    def __init__(self) -> None:
        self._what = ""
        self._begun = self._told = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        clock = time.monotonic()
        if what != self._what:
            self._what, self._begun, self._told = what, clock, clock
        if clock - self._told < QUIET_SECONDS or done == 0:
            return
        self._told = clock
        left = (clock - self._begun) * max(0, total - done) / done
        print(f"{what}: {_size(done)} of {_size(total)}, {left:.0f} s left", file=sys.stderr, flush=True)
