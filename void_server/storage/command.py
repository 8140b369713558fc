# SPDX-License-Identifier: Apache-2.0
"""The command `void-server store`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from void_server.frames.durable import write_file
from void_server.storage.requests import at

_DESCRIPTION = """\
Shows what lies in a store and for whom it is kept, and removes what nobody needs (docs/storage.md).

  void-server store report                 by kind, owner and job; what the next collection removes, and why
  void-server store collect --dry-run      only says what would be removed
  void-server store collect                removes it now; a running server does so by itself, once a day
  void-server store pin JOB                results and inputs of JOB are kept until `unpin`

Where a server runs on the store, it does what is asked, by the times that its flags say (--keep-results-days,
--keep-units-days, --grace-hours, --low-water-bytes); else the command does it, by the times that the server was told
last. What a job needs that has not ended, and what is pinned, is never removed.
"""

FindStore = Callable[[argparse.Namespace, Path], Path]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser], find_store: FindStore) -> None:
    """Add the command; `find_store` gives the store's folder by the options and the default one."""
    actions = commands.add_parser(
        "store",
        help="what lies in the store, and what may go",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).add_subparsers(dest="action", required=True)
    report = actions.add_parser("report", help="what lies there, and what the next collection removes")
    report.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    report.add_argument("--png", type=Path, metavar="FILE", help="draw them as bars into FILE too")
    report.set_defaults(act=_report)
    collect = actions.add_parser("collect", help="remove now what nobody needs")
    collect.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    collect.set_defaults(act=_collect)
    for name, text in (
        ("pin", "keep the results and inputs of a job until `unpin`"),
        ("unpin", "keep them no longer than those of other jobs, from now on"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("job", metavar="JOB", help="the job's id, or its first characters, at least 4")
        action.set_defaults(act=_pin)
    for parser in actions.choices.values():
        parser.add_argument(
            "--store", type=Path, metavar="DIR", help="the server's store (default: as `serve`)"
        )
        parser.set_defaults(run=lambda options, default: options.act(options, find_store(options, default)))


def _report(options: argparse.Namespace, store: Path) -> None:
    with at(store) as ask:
        census = ask({"do": "report"})["census"]
    if options.png is not None:
        from void_server.storage.picture import draw

        write_file(options.png, draw(census))
    print(json.dumps(census, indent=1) if options.json else text_of(census))


def _collect(options: argparse.Namespace, store: Path) -> None:
    with at(store) as ask:
        if options.dry_run:
            print("\n".join(_removable(ask({"do": "report"})["census"])))
            return
        removed = ask({"do": "collect"})
    print(f"{removed['files']} files removed, {amount(removed['bytes'])}.")


def _pin(options: argparse.Namespace, store: Path) -> None:
    with at(store) as ask:
        job = ask({"do": options.action, "job": options.job})["job"]
    told = {"pin": "is pinned: its results and inputs are kept", "unpin": "is not pinned"}
    print(f"Job {job} {told[options.action]}.")


def text_of(census: dict[str, Any]) -> str:
    """The figures for people."""
    lines = _table(
        "KIND", [(kind, t["files"], t["bytes"]) for kind, t in census["kinds"].items()], total=True
    )
    owners = [(_whose(o["owner"], o["show"]), o["files"], o["bytes"]) for o in census["owners"]]
    lines += ["", *_table("OWNER, SHOW (shared files count for each)", owners)]
    jobs = [
        (
            f"{j['id']}  {j['state']}{', pinned' if j['pinned'] else ''}  {_whose(j['owner'], j['show'])}",
            j["files"],
            j["bytes"],
        )
        for j in census["jobs"]
    ]
    lines += ["", *_table("LARGEST JOBS", jobs), "", *_removable(census)]
    if census["oldest"] is not None:
        day = datetime.fromtimestamp(census["oldest"], timezone.utc)
        lines.append(f"The file that was not touched for the longest time is of {day:%Y-%m-%d %H:%M} UTC.")
    if census["strange"]:
        lines += ["", "Not the server's, and left alone:", *(f"  {path}" for path in census["strange"])]
    return "\n".join(lines)


def amount(size: float) -> str:
    """Bytes as people read them: 1.5 GB is 1.5e9 bytes."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _removable(census: dict[str, Any]) -> list[str]:
    rows = [(entry["why"], entry["files"], entry["bytes"]) for entry in census["removable"]]
    lines = _table("THE NEXT COLLECTION REMOVES", rows, total=True)
    spare = census["spare"]
    if spare["files"]:
        lines.append(
            f"If room were short, {spare['files']} more files of work in between could go: {amount(spare['bytes'])}."
        )
    return lines


def _table(title: str, rows: list[tuple[str, int, int]], total: bool = False) -> list[str]:
    if not rows:
        return [title, "  nothing"]
    if total:
        rows = [*rows, ("together", sum(r[1] for r in rows), sum(r[2] for r in rows))]
    width = max(len(row[0]) for row in rows)
    return [title, *(f"  {name:{width}}  {files:>9}  {amount(size):>9}" for name, files, size in rows)]


def _whose(owner: str, show: str) -> str:
    return f"{owner}, {show}" if show else owner
