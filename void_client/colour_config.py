# SPDX-License-Identifier: Apache-2.0
"""The OCIO config that travels with a job: the name of a built-in one, or an archive made of the user's own.

An archive is what OCIO calls `.ocioz`: a zip with `config.ocio` at its root and the look-up files below
(OpenColorIO documentation, "Config archiving"). It is packed without compression and without dates, so that
the same config is the same blob on every machine.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from void.v1 import types_pb2

from void_client.content import Content, content_of_bytes, content_of_file
from void_client.errors import BadInput

MAX_ARCHIVE_FILES = 2048
MAX_ARCHIVE_BYTES = 256 * 2**20

# What OCIO's own archiver takes: the extensions of its file formats (src/OpenColorIO/fileformats, OCIO 2.4).
_LOOK_UP_FILE = re.compile(
    r"\.(3dl|cc|ccc|cdl|clf|csp|ctf|cub|cube|hdl|icc|icm|itx|look|lut|m3d|mga|pf|spi1d|spi3d|spimtx|vf)$",
    re.IGNORECASE,
)
_BUILT_IN = re.compile(r"^(ocio://)?((?:cg|studio)-config-[\w.-]+|default)$")
_DRIVE = re.compile(r"^[A-Za-z]:[/\\]")
_SEARCH_PATH = re.compile(r"^search_path:[ \t]*(.*(?:\n[ \t]*-.*)*)", re.MULTILINE)
_SOURCE_PATH = re.compile(r"\bsrc:\s*(\"[^\"]*\"|'[^']*'|[^,}\n]+)")


@dataclass(frozen=True)
class ColourConfig:
    """A built-in config by name, or an archive to be uploaded; exactly one of the two is set."""

    builtin: str = ""
    archive: Content | None = None


def load_config(text: str) -> ColourConfig:
    """The config that the user named.

    Args:
        text: a built-in name with or without `ocio://`, a `.ocioz` file, or a `.ocio` file, which is packed
            with the look-up files below its folder.

    Raises:
        BadInput: no such file, not one of these kinds, over a limit, or it refers to files outside its
            folder.
    """
    built_in = _BUILT_IN.match(text)
    if built_in and not Path(text).exists():
        return ColourConfig(builtin=f"ocio://{built_in[2]}")
    path = Path(text)
    if not path.is_file():
        raise BadInput(
            f"The OCIO config {text} does not exist.",
            fix="Give --ocio (or $OCIO) a .ocio or .ocioz file, or a built-in name such as ocio://default.",
            file=text,
        )
    if path.suffix.lower() == ".ocioz":
        if path.stat().st_size > MAX_ARCHIVE_BYTES:
            raise _too_big(text)
        return ColourConfig(archive=content_of_file(path, text))
    if path.suffix.lower() == ".ocio":
        return ColourConfig(archive=content_of_bytes(text, pack(path)))
    raise BadInput(
        f"{text} is no OCIO config.", fix="Give a .ocio or .ocioz file, or a built-in name.", file=text
    )


def chosen_config(option: str, environment: Mapping[str, str]) -> ColourConfig | None:
    """The config that `--ocio` names, else the one of $OCIO; None when neither does.

    Raises:
        BadInput: it cannot be used; the message says which of the two named it.
    """
    if option:
        return load_config(option)
    named = environment.get("OCIO", "")
    if not named:
        return None
    try:
        return load_config(named)
    except BadInput as error:
        raise BadInput(
            f"The config that the environment variable OCIO names cannot travel with the job: {error.message}",
            fix="Give --ocio ocio://default to work without it, or --ocio with a self-contained .ocioz "
            "(`ocioarchive` makes one).",
            file=error.file,
        ) from error


def colour_space(name: str, config: ColourConfig | None) -> types_pb2.ColourSpace | None:
    """The contract's colour space; None when the user named neither space nor config."""
    if not name and config is None:
        return None
    if config is None:
        return types_pb2.ColourSpace(name=name)
    if config.archive is not None:
        return types_pb2.ColourSpace(name=name, archive=config.archive.blob)
    return types_pb2.ColourSpace(name=name, builtin=config.builtin)


def pack(config: Path) -> bytes:
    """The archive of a `.ocio` file and the look-up files below its folder; equal input gives equal bytes.

    Raises:
        BadInput: unreadable, over `MAX_ARCHIVE_FILES` or `MAX_ARCHIVE_BYTES`, or paths lead out of the
            folder.
    """
    try:
        text = config.read_text(encoding="utf-8")
        members = _look_up_files(config)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            _add(archive, "config.ocio", text.encode())
            for path in members:
                _add(archive, path.relative_to(config.parent).as_posix(), path.read_bytes())
    except (OSError, UnicodeError) as error:
        raise BadInput(f"The OCIO config {config} cannot be read: {error}.", file=str(config)) from error
    _check_stays_inside(config, text)
    return out.getvalue()


def _look_up_files(config: Path) -> list[Path]:
    found: list[Path] = []
    size = config.stat().st_size
    for path in config.parent.rglob("*"):
        if _LOOK_UP_FILE.search(path.name) and path.is_file():
            found.append(path)
            size += path.stat().st_size
        if len(found) > MAX_ARCHIVE_FILES or size > MAX_ARCHIVE_BYTES:
            raise _too_big(str(config))
    return sorted(found, key=lambda p: p.relative_to(config.parent).as_posix())


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)


def _check_stays_inside(config: Path, text: str) -> None:
    search = _SEARCH_PATH.search(text)
    places = re.split(r"[:,\n]", search[1]) if search else []
    # An environment variable at the front of a search path leads anywhere.
    out_of_search = [p for p in map(_plain, places) if p.startswith("$") or _leads_out(p)]
    out_of_sources = [p for p in (_plain(m[1]) for m in _SOURCE_PATH.finditer(text)) if _leads_out(p)]
    for place in out_of_search + out_of_sources:
        raise BadInput(
            f"The OCIO config {config} refers to '{place}', outside its folder.",
            fix="Make a self-contained .ocioz with `ocioarchive` and give that with --ocio.",
            file=str(config),
        )


def _plain(value: str) -> str:
    return value.strip(" \t\r-[]\"'")


def _leads_out(path: str) -> bool:
    return path.startswith(("/", "\\", "~")) or bool(_DRIVE.match(path)) or ".." in re.split(r"[/\\]", path)


def _too_big(name: str) -> BadInput:
    return BadInput(
        f"The OCIO config {name} has over {MAX_ARCHIVE_FILES} files or {MAX_ARCHIVE_BYTES >> 20} MiB.",
        fix="Give a .ocioz with only the files that it needs.",
        file=name,
    )
