# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md lists every series that a server has, with its kind and labels, and none besides."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families as parse

from void_server.configuration import Limits
from void_server.jobs.database import Database
from void_server.metrics.figures import Figures
from void_server.metrics.standing import Sources, Standing
from void_server.metrics.store_size import StoreSize

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def series(folder: Path) -> dict[str, Metric]:
    """All families of a server by the name that a query has, of which everything has happened once."""
    Database(folder / "void.sqlite3").close()
    figures, stage = Figures(), Figures.of_stage
    counts = {"x": 1}
    stage(figures, "fill").computed(1.0)
    figures.waits.labels("store_full").inc()
    figures.calls.labels("method", "OK").inc()
    figures.call_seconds.labels("method").observe(1.0)
    sources = Sources(
        version="1",
        limits=Limits(),
        store=folder,
        database=folder / "void.sqlite3",
        workers=lambda: counts,
        waiting=lambda: 0,
        size=lambda: StoreSize(counts, 1, 1.0),
        open=lambda: counts,
        refusals=lambda: counts,
        ended=lambda: counts,
        draining=lambda: False,
    )
    figures.registry.register(Standing(sources))
    found = {f.name: f for f in parse(figures.text("")[0].decode()) if not f.name.endswith("_created")}
    return {f"{n}_total" if f.type == "counter" else n: f for n, f in found.items()}


def test_the_table_of_series_is_that_of_the_server(tmp_path):
    rows = re.findall(r"^\| (`void_.+?) \| (\w+) \| (.*?) ?\|", PAGE, flags=re.M)
    told = {
        name: (kind, set(labels.replace(" ", "").split(",")) - {""})
        for names, kind, labels in rows
        for name in re.findall(r"void_\w+", names)
    }
    made = {
        name: (
            "info" if name.endswith("_info") else family.type,
            {label for sample in family.samples for label in sample.labels} - {"le"},
        )
        for name, family in series(tmp_path).items()
    }
    assert told == made
