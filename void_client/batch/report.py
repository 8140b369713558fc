# SPDX-License-Identifier: Apache-2.0
"""The report of a batch: one static page that asks nothing of a network, and the same as JSON.

What is worth a look comes first. It is `REPORT/index.html`, beside it `REPORT/report.json` and the contact sheets as
files below `REPORT/sheets`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from void_client.batch.figures import Figures, median_flicker, outliers, read_figures
from void_client.batch.state import DONE
from void_client.results import whole_file

SHEETS = "sheets"
FORMAT = 1
CURVE = (160, 28)
"""Width and height of the curve of change over time, in CSS pixels."""


@dataclass(frozen=True)
class Reported:
    """A shot as the report takes it.

    Attributes:
        shot: its name.
        state: done or failed.
        job: id of its job, or empty.
        message: why it failed, or empty.
        folder: its result folder.
        sidecar, sheet: its files; None where there is none.
    """

    shot: str
    state: str
    job: str
    message: str
    folder: str
    sidecar: Path | None
    sheet: Path | None


@dataclass(frozen=True)
class Row:
    """A shot with its figures and with what is worth a look."""

    reported: Reported
    figures: Figures | None
    worth: tuple[str, ...]

    @property
    def kind(self) -> str:
        """`failed`, `look` or `good`."""
        if self.reported.state != DONE:
            return "failed"
        return "look" if self.worth else "good"


def rows_of(shots: Sequence[Reported]) -> list[Row]:
    """Failed shots first, then those worth a look, the most reasons first, then by flicker."""
    figures = {s.shot: read_figures(s.sidecar) if s.sidecar and s.state == DONE else None for s in shots}
    middle = median_flicker(f for f in figures.values() if f is not None)
    rows = []
    for shot in shots:
        known = figures[shot.shot]
        worth = outliers(known, middle) if known is not None else []
        if shot.state == DONE and known is None:
            worth = ["its sidecar cannot be read"]
        rows.append(Row(shot, known, tuple(worth)))
    return sorted(rows, key=_gravity)


def write_report(folder: Path, title: str, shots: Sequence[Reported]) -> Path:
    """Write page, JSON and contact sheets; returns the page's path.

    Raises:
        WriteFailed: the disk refused.
        OSError: a contact sheet could not be copied.
    """
    rows = rows_of(shots)
    sheets = folder / SHEETS
    sheets.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for row in rows:
        sheet = row.reported.sheet
        if sheet is not None and sheet.is_file():
            name = f"{row.reported.shot}.png"
            shutil.copyfile(sheet, sheets / name)
            pictures[row.reported.shot] = f"{SHEETS}/{name}"
    with whole_file(folder / "report.json") as file:
        file.write(json.dumps(to_json(title, rows), indent=1).encode())
    page = folder / "index.html"
    with whole_file(page) as file:
        file.write(to_html(title, rows, pictures).encode())
    return page


def to_json(title: str, rows: Sequence[Row]) -> dict[str, object]:
    """The report as JSON-ready values, in the order of the page."""
    return {
        "format": FORMAT,
        "title": title,
        "shots": [
            {
                "shot": row.reported.shot,
                "state": row.reported.state,
                "kind": row.kind,
                "job": row.reported.job,
                "message": row.reported.message,
                "folder": row.reported.folder,
                "worth_a_look": list(row.worth),
                "figures": asdict(row.figures) if row.figures is not None else None,
            }
            for row in rows
        ],
    }


def to_html(title: str, rows: Sequence[Row], pictures: dict[str, str]) -> str:
    """The page; every text from outside is escaped.

    Args:
        pictures: relative addresses of contact sheets by shot.
    """
    counts = {kind: sum(row.kind == kind for row in rows) for kind in ("failed", "look", "good")}
    told = (
        f"{len(rows)} shots: {counts['failed']} failed, {counts['look']} worth a look, {counts['good']} good"
    )
    articles = "\n".join(_article(row, pictures.get(row.reported.shot, "")) for row in rows)
    return _PAGE.format(title=escape(title), told=told, style=_STYLE, script=_SCRIPT, articles=articles)


def _gravity(row: Row) -> tuple[object, ...]:
    flicker = row.figures.flicker[0] if row.figures and row.figures.flicker else 0.0
    outside = row.figures.outside if row.figures else 0
    order = {"failed": 0, "look": 1, "good": 2}[row.kind]
    return order, -outside, -len(row.worth), -flicker, row.reported.shot


def _article(row: Row, picture: str) -> str:
    shot = row.reported
    name = escape(shot.shot)
    parts = [
        f'<article class="{row.kind}" tabindex="0" aria-label="{name}">',
        f'<h2>{name} <span class="mark">{_MARKS[row.kind]}</span></h2>',
    ]
    if shot.message:
        parts.append(f'<p class="why">{escape(shot.message)}</p>')
    if row.worth:
        parts.append("<ul>" + "".join(f"<li>{escape(text)}</li>" for text in row.worth) + "</ul>")
    if picture:
        source = escape(picture)
        parts.append(
            f'<a href="{source}"><img src="{source}" loading="lazy" alt="contact sheet of {name}"></a>'
        )
    if row.figures is not None:
        parts.append(_table(row.figures))
    parts.append(
        f'<p class="where">{escape(shot.folder)}' + (f", job {escape(shot.job)}" if shot.job else "")
    )
    return "\n".join([*parts, "</p></article>"])


_MARKS = {"failed": "failed", "look": "worth a look", "good": "good"}


def _table(figures: Figures) -> str:
    def at(value: tuple[float, int] | None, digits: int, unit: str = "") -> str:
        return f"{value[0]:.{digits}f}{unit} <small>frame {value[1]}</small>" if value else "–"

    blend = f"{figures.blend_percent:.2f} %" if figures.blend_percent is not None else "–"
    cells = [
        ("frames", str(figures.frames)),
        ("may differ", blend),
        ("outside", f"{figures.outside:,}"),
        ("unfilled", f"{figures.unfilled:,}"),
        ("flicker", at(figures.flicker, 3, " stops")),
        *([("seam", at(figures.seam, 3))] if figures.seam else []),
        ("ring", at(figures.ring_psnr, 1, " dB")),
        ("confidence", at(figures.confidence, 2)),
    ]
    body = "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in cells)
    return f"<dl>{body}{_curve(figures.changes)}</dl>"


def _curve(values: Sequence[float]) -> str:
    """The change over time of all frames as a small curve; nothing for fewer than two."""
    if len(values) < 2:
        return ""
    width, height = CURVE
    top = max(values) or 1.0
    points = " ".join(
        f"{i * width / (len(values) - 1):.1f},{height - 2 - v / top * (height - 4):.1f}"
        for i, v in enumerate(values)
    )
    return (
        f'<div><dt>change over time, to {top:.3f} stops</dt><dd><svg width="{width}" height="{height}" role="img"'
        f' aria-label="change over time"><polyline points="{points}"/></svg></dd></div>'
    )


_STYLE = """
:root { color-scheme: dark; }
body { margin: 0; background: #1b1c1e; color: #d6d7d9; font: 14px/1.45 system-ui, sans-serif; }
header { position: sticky; top: 0; background: #141516; padding: .7em 1.2em; border-bottom: 1px solid #333; }
h1 { font-size: 1.15em; margin: 0 0 .2em; } header p { margin: 0; color: #a2a5a9; }
button { font: inherit; color: inherit; background: #2b2d30; border: 1px solid #44474b; border-radius: 4px;
  padding: .15em .7em; margin-right: .4em; }
button[aria-pressed=true] { background: #3e5f8a; border-color: #5b86bf; }
main { display: grid; gap: 1em; padding: 1.2em; grid-template-columns: repeat(auto-fill, minmax(30em, 1fr)); }
article { background: #242629; border-left: 4px solid #55585c; border-radius: 4px; padding: .7em 1em; }
article:focus { outline: 2px solid #6f9fdd; }
article.failed { border-color: #d9534f; } article.look { border-color: #e0a53b; }
article.good { border-color: #5c9e6b; }
h2 { font-size: 1em; margin: 0 0 .4em; } .mark { font-weight: normal; color: #a2a5a9; margin-left: .5em; }
.why { color: #ff9a94; margin: .3em 0; overflow-wrap: anywhere; }
ul { margin: .3em 0 .6em; padding-left: 1.2em; color: #f0c67a; }
img { width: 100%; border-radius: 3px; display: block; }
dl { display: flex; flex-wrap: wrap; gap: .3em 1.4em; margin: .7em 0 .3em; } dl div { margin: 0; }
dt { color: #8d9196; font-size: .82em; } dd { margin: 0; } small { color: #8d9196; }
.where { color: #8d9196; font-size: .82em; margin: .3em 0 0; overflow-wrap: anywhere; }
polyline { fill: none; stroke: #7fb0ef; stroke-width: 1.5; }
main[data-show=failed] article:not(.failed), main[data-show=look] article.good { display: none; }
"""

_SCRIPT = """
const main = document.querySelector('main'), buttons = [...document.querySelectorAll('button')];
const show = what => { main.dataset.show = what;
  buttons.forEach(b => b.setAttribute('aria-pressed', b.dataset.show === what)); };
buttons.forEach(b => b.addEventListener('click', () => show(b.dataset.show)));
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const of = {a: 'all', l: 'look', f: 'failed'}[e.key];
  if (of) { show(of); return; }
  if (e.key !== 'j' && e.key !== 'k') return;
  const seen = [...document.querySelectorAll('article')].filter(a => a.offsetParent);
  const at = seen.indexOf(document.activeElement) + (e.key === 'j' ? 1 : -1);
  const next = seen[Math.max(0, Math.min(seen.length - 1, at))];
  if (next) { next.focus(); next.scrollIntoView({block: 'center'}); }
});
show('all');
"""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><style>{style}</style></head><body>
<header><h1>{title}</h1><p>{told}</p>
<p><button data-show="all">All (a)</button><button data-show="look">Worth a look (l)</button><button
 data-show="failed">Failed (f)</button> next shot: j, previous: k</p></header>
<main>
{articles}
</main><script>{script}</script></body></html>
"""
