# SPDX-License-Identifier: Apache-2.0
"""Every command that a page names is there, with the options and values that the page gives it."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from void_client.cli.main import build_parser
from void_client.cli.mask import NO_PREFIX
from void_client.site import Site
from void_server.errors import InvalidInput
from void_server.main import _parser as server_parser
from void_server.pipeline.option_catalogue import CATALOGUE
from void_server.pipeline.options import Options
from void_server.reasoners.vlm.site import read_site

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
PROGRAMS = {"void": build_parser(Site()), "void-server": server_parser()}
OF_OTHERS = {
    "pip": {"--no-deps"},
    "podman": {"--format", "--stop-timeout"},
    "ray": {"--block", "--node-ip-address", "--num-cpus"},
}
"""Options of other programs that pages speak of."""
FOLDERS = (
    "benchmarks|deploy|examples|gizmos|plugin_line|plugin_nuke|plugin_resolve|protos|tests"
    "|void_client|void_server|wheelhouse"
)
"""Where paths in pages begin; others are a user's."""
IN_A_WHEEL = {"void_client/hosts"}

Parser = argparse.ArgumentParser

_BEFORE = re.compile(r"^(?:\w+=\S+ |umask 077 *|runuser -u void -- |sudo -u void )+")
_LEFT_OUT = re.compile(r"…|[A-Z]{3,}")


def commands(page: str) -> Iterator[str]:
    """Whatever begins with a program of ours: in blocks, and between backticks."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", page, re.S | re.M)
    prose = re.sub(r"^```\w*\n.*?^```", "", page, flags=re.S | re.M)
    for block in [*fenced, *re.findall(r"^    .*$", prose, re.M), *re.findall(r"`([^`]+)`", prose)]:
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"[|;()]|&&| > ", re.sub(r"\s#.*", "", line)):
                words = _BEFORE.sub("", part.strip())
                if re.match(r"(?:\S*/)?void(?:-server)?\s", words):
                    yield words


def faults(command: str) -> list[str]:
    """What of a command is not there."""
    program, *words = shlex.split(command)
    parser, found = PROGRAMS[Path(program).name], []
    left = list(words)
    while left:
        word = left.pop(0)
        below = _below(parser)
        if word.startswith("-"):
            name, equals, value = word.partition("=")
            options = [
                p._option_string_actions[name] for p in _from(parser) if name in p._option_string_actions
            ]
            if not options:
                found.append(f"no option {name}")
            elif options[0].nargs != 0 and (equals or left):
                found += _wrong_value(options[0], value if equals else left.pop(0))
        elif word in below:
            parser = below[word]
            if parser.prefix_chars == NO_PREFIX:
                # Handed on to the server's program as it stands.
                parser = PROGRAMS["void-server"]
                left[:0] = words[: len(words) - len(left)]
        elif below and not _LEFT_OUT.search(word):
            found.append(f"no command {word}")
    return found


def _below(parser: Parser) -> dict[str, Parser]:
    """Its commands."""
    (actions,) = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)] or [{}]
    return dict(actions)


def _from(parser: Parser) -> Iterator[Parser]:
    """It, and where the command is left out all below."""
    yield parser
    for below in _below(parser).values():
        yield from _from(below)


def _wrong_value(option: argparse.Action, value: str) -> list[str]:
    if _LEFT_OUT.search(value):
        return []
    if option.dest == "set":
        name, _, wanted = value.partition("=")
        choices = next((o.choices for o in CATALOGUE if o.name == name), None)
        if choices is None:
            return [f"no option --set {name}"]
        try:
            Options.parse({name: wanted})
        except InvalidInput as error:
            return [error.message]
        return [f"{name} cannot be {wanted}"] if choices and wanted not in choices else []
    if option.choices is not None and value not in option.choices:
        return [f"{option.option_strings[0]} cannot be {value}"]
    return []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_of_a_page_is_there_with_its_options_and_their_values(page: Path) -> None:
    told = {command: faults(command) for command in commands(page.read_text(encoding="utf-8"))}
    assert {command: wrong for command, wrong in told.items() if wrong} == {}


def known_options() -> set[str]:
    """Of all commands of ours, and of what `python -m` runs in a checkout."""
    ours = {name for top in PROGRAMS.values() for p in _from(top) for name in p._option_string_actions}
    for folder in ("benchmarks", "tests", "wheelhouse"):
        for path in (ROOT / folder).rglob("__main__.py"):
            ours |= set(re.findall(r'"(--[a-z][a-z-]*)"', path.read_text(encoding="utf-8")))
    return ours


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_option_that_stands_alone_is_one_of_ours_or_of_a_program_that_is_known(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    alone = set(re.findall(r"`(--[a-z][a-z-]*)", text))
    assert alone - known_options() - set().union(*OF_OTHERS.values()) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_runs_and_names_in_a_checkout_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    modules = set(re.findall(r"python[\d.]* -m ((?:benchmarks|tests|wheelhouse)[\w.]*)", text))
    files = {ROOT / m.rstrip(".").replace(".", "/") for m in modules if not _LEFT_OUT.search(m)}
    assert {
        f for f in files if not (f / "__main__.py").is_file() and not f.with_suffix(".py").is_file()
    } == set()

    rules = re.findall(r"^([a-z][a-z0-9 -]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    targets = {target for rule in rules for target in rule.split()}
    assert set(re.findall(r"`make ([a-z][a-z0-9-]*)", text)) <= targets

    paths = set(re.findall(rf"`((?:{FOLDERS})/[\w./-]+?)/?`", text)) - IN_A_WHEEL
    named = {p for p in paths if not _LEFT_OUT.search(p)}
    assert {p for p in named if not (ROOT / p).exists() and not (ROOT / f"{p}.py").exists()} == set()


def test_the_file_of_models_on_its_page_is_one_that_the_server_reads(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "vlm_reasoners.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```toml\n(.*?)^```", text, re.S | re.M)
    (more,) = re.findall(r"^(`.*) may stand under either\.", text, re.M)
    names = re.findall(r"`(\w+)`", more)
    assert names == ["timeout_seconds", "connect_seconds", "attempts", "ca_file"]
    values = dict(zip(names, ("300", "10", "4", '"/etc/void/ca.pem"'), strict=True))
    extra = "\n".join(f"{name} = {value}" for name, value in values.items())
    file = tmp_path / "models.toml"
    file.write_text(re.sub(r"^(\[\w+\].*)$", rf"\1\n{extra}", shown, flags=re.M), encoding="utf-8")
    site = read_site(file)
    assert site.openai is not None and site.gemini is not None


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("void removes --plate x", ["no command removes"]),
        ("void remove --plates x", ["no option --plates"]),
        ("void remove … --set feathers=3", ["no option --set feathers"]),
        ("void remove … --set unseen=rough", ["unseen cannot be rough"]),
        ("void remove --priority magic", ["--priority cannot be magic"]),
        ("void mask inspect x --no-such", ["no option --no-such"]),
        ("/opt/void/bin/void-server tokens add anna --role king", ["--role cannot be king"]),
        ("void-server … --no-such", ["no option --no-such"]),
    ],
)
def test_what_is_not_there_is_found(command: str, wrong: list[str]) -> None:
    assert faults(command) == wrong
    assert list(commands(f"    {command}  # so\n")) == [command]
