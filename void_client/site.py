# SPDX-License-Identifier: Apache-2.0
"""What a studio decides once for all its artists: the TOML file that $VOID_SITE_CONFIG names.

It names the server, how to be let in, storage that client and server share, where results go, defaults, and what may
not be changed. Every key is optional; a key that is not known here is an error, because a misspelt lock locks nothing.
"""

from __future__ import annotations

import os
import re
import string
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from void_client.errors import BadInput
from void_client.roots import Root
from void_client.sequence import parse_pattern

VARIABLE = "VOID_SITE_CONFIG"

MAX_BYTES = 2**20
"""A longer file is no site file."""

PLACEHOLDERS = ("plate_dir", "plate_parent", "plate_name")
"""What `output` may hold in braces: the plate's folder, the folder above that, the plate's name without number."""

SETTINGS = ("engine", "reasoner", "colorspace", "ocio", "seed", "show")
"""What `[defaults]` may set, by the names of the options of `void remove`.

Consent to a cloud service is not among them: a person gives it, for one job.
"""

LOCKABLE = ("server", "token_file", "ca", "cert", "key", "output", *SETTINGS, "preview", "cloud_consent")
"""What `locked` may name, besides `options.NAME` for an option of `--set`."""

# Without one there would be nothing to keep to.
_LOCKED_WITH_VALUE = ("server", "token_file", "ca", "cert", "key", "output", "ocio", "show")

_KEYS = ("server", "token_file", "ca", "cert", "key", "output", "roots", "defaults", "locked")
_ROOT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_SERVER = re.compile(r"[^\s/]+:\d{1,5}", re.ASCII)
_OPTION_LOCK = re.compile(r"options\.[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True)
class Site:
    """What a site file says; the empty value where there is none.

    Attributes:
        file: the site file; empty = none is named.
        server: `host:port`; empty = the user's own server.
        token_file, ca, cert, key: paths; empty = none.
        output: where results go when the user does not say, with the placeholders still in it; empty = must be said.
        roots: storage that client and server share.
        defaults: value of each of `SETTINGS` that the file sets, as it would be written on a command line.
        options: values for `--set`, likewise.
        locked: names of `LOCKABLE`, and `options.NAME`.
    """

    file: str = ""
    server: str = ""
    token_file: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    output: str = ""
    roots: tuple[Root, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    locked: frozenset[str] = frozenset()

    def value(self, name: str) -> str:
        """What the file sets for one of `LOCKABLE` or for `options.NAME`; empty = nothing."""
        if name.startswith("options."):
            return self.options.get(name.partition(".")[2], "")
        if name in ("server", "token_file", "ca", "cert", "key", "output"):
            return str(getattr(self, name))
        return self.defaults.get(name, "")

    def output_folder(self, plate: str, view: str) -> str:
        """The folder that `output` means for a plate; empty without `output`.

        Args:
            plate: the plate's pattern.
            view: name of the view in it; may be empty.

        Raises:
            BadInput: the pattern is not usable.
        """
        if not self.output:
            return ""
        pattern = parse_pattern(plate, view)
        folder = Path(os.path.abspath(pattern.prefix)).parent  # noqa: PTH100 - links stay as the user wrote them
        return self.output.format(
            plate_dir=folder, plate_parent=folder.parent, plate_name=pattern.base_name() or "plate"
        )

    def refusal_of_change(self, name: str, option: str) -> BadInput:
        """The error for a user who changes what is locked."""
        value = self.value(name)
        stays = f"to '{value}'" if value else "to its default"
        return BadInput(
            f"The site file {self.file} locks {name} {stays}.",
            fix=f"Leave {option} out, or ask whoever keeps that file.",
            file=self.file,
        )


def load_site(environment: Mapping[str, str] = os.environ) -> Site:
    """The site that $VOID_SITE_CONFIG names; the empty one when it is not set.

    Raises:
        BadInput: the file cannot be read, or something in it is wrong.
    """
    named = environment.get(VARIABLE, "")
    if not named:
        return Site()
    file = Path(named).absolute()
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(
            f"The site file {file} cannot be read: {error.strerror or error}.",
            fix=f"Correct ${VARIABLE}, or unset it to work without one.",
            file=str(file),
        ) from error
    if len(data) > MAX_BYTES:
        raise BadInput(
            f"The site file {file} has over {MAX_BYTES >> 20} MiB.",
            fix=f"Correct ${VARIABLE}.",
            file=str(file),
        )
    try:
        # An editor of Windows may put a byte order mark first.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"The site file {file} is not UTF-8 (byte {error.start}).",
            fix="Save it as UTF-8.",
            file=str(file),
        ) from error
    return parse_site(text, file, environment)


def parse_site(
    text: str, file: Path, environment: Mapping[str, str], *, windows: bool = os.name == "nt"
) -> Site:
    """The site that a file's text means.

    Args:
        text: TOML.
        file: absolute path of the file; named in messages, and relative paths are meant from its folder.
        environment: what `$NAME` and `~` stand for.
        windows: by whose rules a path is absolute.

    Raises:
        BadInput: no TOML, an unknown key, or a value that cannot be; the message names file and key.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            f"The site file {file} is no TOML: {error}.",
            fix="Correct that line; a path with backslashes stands in single quotes: 'P:\\proj'.",
            file=str(file),
        ) from error
    return _Reader(file, environment, windows).site(document)


class _Reader:
    """Turns a TOML document into a `Site`; every problem names the file and the key."""

    def __init__(self, file: Path, environment: Mapping[str, str], windows: bool) -> None:
        self._file = file
        self._environment = environment
        self._windows = windows

    def site(self, document: dict[str, Any]) -> Site:
        self._known(document, _KEYS, "")
        table = self._table(document, "defaults", "defaults")
        self._known(table, (*SETTINGS, "options"), "defaults.")
        options = self._table(table, "options", "defaults.options")
        return Site(
            file=str(self._file),
            server=self._server(document),
            token_file=self._path(document, "token_file", "token_file"),
            ca=self._path(document, "ca", "ca"),
            cert=self._path(document, "cert", "cert"),
            key=self._path(document, "key", "key"),
            output=self._output(document),
            roots=self._roots(document),
            defaults={n: self._default(table, n) for n in SETTINGS if n in table},
            options={n: self._scalar(options, n, f"defaults.options.{n}") for n in options},
            locked=self._locked(document),
        )

    def _wrong(self, key: str, problem: str, fix: str) -> BadInput:
        return BadInput(f"The site file {self._file}: {key} {problem}.", fix=fix, file=str(self._file))

    def _known(self, table: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> None:
        for key in table:
            if key not in known:
                raise self._wrong(f"{prefix}{key}", "is no known key", f"There are: {', '.join(known)}.")

    def _table(self, document: Mapping[str, Any], key: str, shown: str) -> dict[str, Any]:
        value = document.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(shown, "is not a table", f"Write [{shown}] on a line of its own.")
        return value

    def _text(self, table: Mapping[str, Any], key: str, shown: str) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            raise self._wrong(shown, "is not a text", f'Write {key} = "…", in quotes.')
        if key in table and not value.strip():
            raise self._wrong(shown, "is empty", "Give it a value, or take the line out.")
        return value

    def _scalar(self, table: Mapping[str, Any], key: str, shown: str) -> str:
        """A value as `--set` takes it: TOML's true and false are `on` and `off`."""
        value = table[key]
        if isinstance(value, bool):
            return "on" if value else "off"
        if isinstance(value, (int, float)):
            return str(value)
        return self._text(table, key, shown)

    def _default(self, table: Mapping[str, Any], key: str) -> str:
        shown = f"defaults.{key}"
        if key == "seed":
            if isinstance(table[key], bool) or not isinstance(table[key], int):
                raise self._wrong(shown, "is not a whole number", "Write seed = 7, without quotes.")
            return str(table[key])
        if key == "ocio" and self._text(table, key, shown).lower().endswith((".ocio", ".ocioz")):
            return self._path(table, key, shown)
        return self._text(table, key, shown)

    def _server(self, document: Mapping[str, Any]) -> str:
        text = self._text(document, "server", "server")
        if text and not _SERVER.fullmatch(text):
            raise self._wrong("server", f"is '{text}', not HOST:PORT", 'Write server = "render01:7788".')
        return text

    def _path(self, table: Mapping[str, Any], key: str, shown: str) -> str:
        text = self._expanded(self._text(table, key, shown), shown)
        return text if not text or self._is_absolute(text, shown) else str(self._file.parent / text)

    def _is_absolute(self, text: str, shown: str) -> bool:
        """Whether a path is absolute on this system; one that is absolute on another only names nothing here."""
        here = PureWindowsPath(text) if self._windows else PurePosixPath(text)
        if here.is_absolute():
            return True
        # Windows' own rules know its drives and both kinds of leading separator.
        elsewhere = PureWindowsPath(text)
        if elsewhere.drive or elsewhere.root:
            raise self._wrong(
                shown,
                f"is '{text}', which is no path of this system",
                "Write it from the site file's folder or with $NAME, or give each system a site file of its own.",
            )
        return False

    def _expanded(self, text: str, shown: str) -> str:
        """The text with `~` and `$NAME` replaced; `$$` is one `$`."""
        if text.startswith(("~/", "~\\")):
            home = self._environment.get("HOME") or self._environment.get("USERPROFILE")
            if not home:
                raise self._wrong(shown, "names ~, but there is no home folder", "Write the whole path.")
            # Not expanded a second time: a home folder's name may hold a dollar sign.
            text = home.replace("$", "$$") + text[1:]
        try:
            return string.Template(text).substitute(self._environment)
        except KeyError as error:
            raise self._wrong(
                shown, f"names ${error.args[0]}, which is not set", "Set it, or write the path out."
            ) from error
        except ValueError as error:
            raise self._wrong(
                shown, "has a $ without a name", "Write $$ for the character itself."
            ) from error

    def _output(self, document: Mapping[str, Any]) -> str:
        text = self._expanded(self._text(document, "output", "output"), "output")
        allowed = ", ".join(f"{{{p}}}" for p in PLACEHOLDERS)
        fix = f"There are: {allowed}; a brace itself is written twice."
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise self._wrong("output", f"has a brace without its partner ({error})", fix) from error
        for _, name, form, conversion in parts:
            if name is not None and (name not in PLACEHOLDERS or form or conversion):
                raise self._wrong("output", f"has the placeholder {{{name}}}, which means nothing", fix)
        starts_absolute = text.startswith(("{plate_dir}", "{plate_parent}"))
        if text and not (starts_absolute or self._is_absolute(text, "output")):
            return str(self._file.parent).replace("{", "{{").replace("}", "}}") + "/" + text
        return text

    def _roots(self, document: Mapping[str, Any]) -> tuple[Root, ...]:
        tables = document.get("roots", [])
        if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
            raise self._wrong("roots", "is not a list of tables", "Write [[roots]] above each root.")
        roots = tuple(self._root(t, f"roots[{i}]") for i, t in enumerate(tables, 1))
        names: set[str] = set()
        owners: dict[str, str] = {}
        for root in roots:
            if root.name in names:
                raise self._wrong(
                    f"root '{root.name}'", "stands there twice", "Join their paths under one [[roots]]."
                )
            names.add(root.name)
            for path in root.paths:
                owner = owners.setdefault(_comparable(path), root.name)
                if owner != root.name:
                    raise self._wrong(
                        f"'{path}'", f"is a path of the roots '{owner}' and '{root.name}'", "Leave it in one."
                    )
        return roots

    def _root(self, table: Mapping[str, Any], shown: str) -> Root:
        self._known(table, ("name", "paths"), f"{shown}.")
        name = self._text(table, "name", f"{shown}.name")
        if not _ROOT_NAME.fullmatch(name):
            raise self._wrong(
                f"{shown}.name",
                f"is '{name}'" if name else "is missing",
                "Give a name of letters, digits, dots, dashes and underscores, the same as on the server.",
            )
        paths = self._texts(table, "paths", f"root '{name}': paths")
        if not paths:
            raise self._wrong(f"root '{name}'", "has no paths", "Write paths = ['P:\\proj', '/mnt/proj'].")
        for path in paths:
            if not (path.startswith("/") or PureWindowsPath(path).is_absolute()):
                raise self._wrong(
                    f"root '{name}'", f"has the path '{path}', which is not absolute", "Write it whole."
                )
        return Root(name, paths)

    def _texts(self, table: Mapping[str, Any], key: str, shown: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
            raise self._wrong(shown, "is not a list of texts", f'Write {key} = ["…", "…"].')
        return tuple(value)

    def _locked(self, document: Mapping[str, Any]) -> frozenset[str]:
        names = self._texts(document, "locked", "locked")
        for name in names:
            if name not in LOCKABLE and not _OPTION_LOCK.fullmatch(name):
                raise self._wrong(
                    "locked",
                    f"names '{name}', which cannot be locked",
                    f"There are: {', '.join(LOCKABLE)}, and options.NAME for an option of --set.",
                )
            if (
                name in _LOCKED_WITH_VALUE
                and name not in document
                and name not in document.get("defaults", {})
            ):
                raise self._wrong("locked", f"names {name}, which the file does not set", f"Set {name} too.")
        return frozenset(names)


def _comparable(path: str) -> str:
    """A path's spelling for telling two apart: Windows' ones have no case and two separators."""
    if path.startswith("/") and not path.startswith("//"):
        return path.rstrip("/") or "/"
    return path.replace("\\", "/").rstrip("/").casefold()
