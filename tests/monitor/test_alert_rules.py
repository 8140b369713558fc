# SPDX-License-Identifier: Apache-2.0
"""deploy/void-server.rules.yml asks for series that a server has, and its alerts fire when they should."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.samples import Sample

from tests.conftest import RunningServer
from tests.monitor.client import Client

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "void-server.rules.yml"
CASES = Path(__file__).parent / "alert_rules_test.yml"
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
OF_PROMETHEUS = {"up"}
"""What a scrape itself makes: prometheus.io/docs/concepts/jobs_instances."""


@pytest.fixture(scope="module")
def rules() -> dict[str, str]:
    """The expression of each alert."""
    (group,) = yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


@pytest.fixture(scope="module")
def samples(server: RunningServer) -> list[Sample]:
    """What a server answers of which nothing has been asked yet."""
    scraper = Client(server.application.monitor_url, token=server.token)
    return [s for family in parse(scraper.get("/metrics").body.decode()) for s in family.samples]


def selectors(expression: str) -> list[tuple[str, dict[str, str]]]:
    """Each series that is asked for, with a pattern for each label; names of functions are followed by a bracket."""
    found = re.findall(r"\b(up|void_\w+)(?:\{(.*?)\})?", expression)
    return [(name, _patterns(labels)) for name, labels in found]


def _patterns(labels: str) -> dict[str, str]:
    matchers = re.findall(r'(\w+)(=~|=)"(.*?)"', labels)
    return {name: value if how == "=~" else re.escape(value) for name, how, value in matchers}


def test_all_that_an_alert_asks_for_is_there_before_it_happens(rules, samples):
    """A counter that begins at 1 never rises for Prometheus: the first defect after a start would go unseen."""
    asked = [(alert, *selector) for alert, expr in rules.items() for selector in selectors(expr)]
    assert len(asked) > len(rules)
    for alert, name, patterns in asked:
        if name in OF_PROMETHEUS:
            continue
        there = [
            s
            for s in samples
            if s.name == name and all(re.fullmatch(p, s.labels[k]) for k, p in patterns.items())
        ]
        assert there, (alert, name, patterns)


def test_the_page_says_what_to_do_at_each_alert(rules):
    assert re.findall(r"^\| `(Void\w+)` \|", PAGE, flags=re.M) == list(rules)


@pytest.fixture
def promtool() -> str:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("there is no promtool here (package prometheus): the alerts were not tried")
    return tool


def test_prometheus_reads_the_rules_and_each_alert_fires_when_it_should(promtool, rules):
    tried = {test["alertname"] for case in _cases() for test in case["alert_rule_test"] if test["exp_alerts"]}
    assert tried == set(rules)
    for arguments in (("check", "rules", str(FILE)), ("test", "rules", str(CASES))):
        ran = subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_prometheus_finds_nothing_wrong_with_names_and_helps(promtool, server):
    text = Client(server.application.monitor_url, token=server.token).get("/metrics").body
    ran = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, b"")


def _cases() -> list[dict]:
    return yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
