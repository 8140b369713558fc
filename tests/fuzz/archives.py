# SPDX-License-Identifier: Apache-2.0
"""Hostile OCIO archives (.ocioz), made from numbers: bombs, paths that lead out, links, circles, wild LUTs, damage."""

from __future__ import annotations

import io
import random
import stat
import zipfile
from collections.abc import Callable

BOMB_BYTES = 48 << 20
"""Of nothing, packed to 50 kB."""
HEAD = """ocio_profile_version: 2
search_path: {search}
environment: {environment}
roles:
  default: raw
  scene_linear: {linear}
  {role}: {target}
file_rules:
  - !<Rule> {{name: Default, colorspace: {rule}}}
displays:
  screen:
    - !<View> {{name: plain, colorspace: {view}}}
active_displays: []
active_views: []
colorspaces:
  - !<ColorSpace>
    name: raw
  - !<ColorSpace>
    name: odd
    to_scene_reference: {transform}
"""
LUTS: dict[str, Callable[[random.Random], bytes]] = {
    "l.spi1d": lambda rng: (
        b"Version 1\nFrom 0 1\nLength %d\nComponents 1\n{\n0\n1\n}\n" % rng.choice((2, -1, 2**31, 10**9))
    ),
    "l.spi3d": lambda rng: (
        b"SPILUT 1.0\n3 3\n%d %d %d\n0 0 0 0 0 0\n" % ((rng.choice((2, 1000, 2**30)),) * 3)
    ),
    "l.cube": lambda rng: b"LUT_3D_SIZE %d\n0 0 0\n" % rng.choice((2, 129, 256, 10**6, -5)),
    "l.csp": lambda rng: (
        b"CSPLUTV100\n3D\n\n2\n0 1\n0 1\n2\n0 1\n0 1\n2\n0 1\n0 nan\n\n%d 2 2\n" % rng.choice((2, 10**6))
    ),
    "l.clf": lambda rng: (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb">]><ProcessList id="&b;">'
        * rng.choice((1, 5000))
    ),
    "l.ctf": lambda rng: rng.randbytes(rng.randrange(3000)),
    "l.spimtx": lambda rng: b"nan inf 1e999 0 " * 3,
}
NAMES = ("raw", "odd", "nothing", "default", "$HOME", "{a}", "scene_linear", "", "../x")
TRANSFORMS = (
    "!<MatrixTransform> {{matrix: [{n}, 0, 0, 0, 0, {n}, 0, 0, 0, 0, {n}, 0, 0, 0, 0, 1]}}",
    "!<FileTransform> {{src: {file}}}",
    "!<ColorSpaceTransform> {{src: odd, dst: {name}}}",
    "!<GroupTransform> {{children: [{children}]}}",
    "!<ExponentTransform> {{value: [{n}, {n}, {n}, 1]}}",
    "!<LogTransform> {{base: {n}}}",
    "!<BuiltinTransform> {{style: {name}}}",
    "{name}",
)
FILES = (
    *LUTS,
    "../l.cube",
    "/etc/passwd",
    "/dev/zero",
    "$HOME/l.cube",
    "${A}/l.cube",
    "a" * 5000,
)
NUMBERS = ("0", "1", "-1", "nan", "inf", "1e999", "1e-300", "~", "[1]")


def hostile_archive(number: int) -> bytes:
    """The bytes of this number, the same each time."""
    rng = random.Random(number)
    entries = {"config.ocio": _config(rng)} if rng.random() < 0.97 else {}
    for name, make in LUTS.items():
        if rng.random() < 0.6:
            entries[name] = make(rng)
    data = _packed(rng, entries)
    if rng.random() < 0.25:
        spoilt = bytearray(data)
        for _ in range(rng.choice((1, 4, 40))):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        data = bytes(spoilt)
    return data[: rng.randrange(len(data))] if rng.random() < 0.05 else data


def _config(rng: random.Random) -> bytes:
    transform = rng.choice(TRANSFORMS).format(
        n=rng.choice(NUMBERS),
        file=rng.choice(FILES),
        name=rng.choice(NAMES),
        children=", ".join(["!<ColorSpaceTransform> {src: odd, dst: raw}"] * rng.choice((0, 1, 300))),
    )
    text = HEAD.format(
        search=rng.choice((".", "luts", "/", "../..", "$A", '""')),
        environment=rng.choice(("{}", "{}", "{A: $B, B: $A}", "{HOME: /}")),
        linear=rng.choice(("raw", "raw", "raw", "odd", "nothing")),
        role=rng.choice(("rendering", "data", "reference", "$A")),
        target=rng.choice(("raw", "raw", "odd", "default")),
        rule=rng.choice(("raw", "raw", "default", "odd")),
        view=rng.choice(("raw", "raw", "odd", "nothing")),
        transform=transform,
    ).encode()
    spoilt = rng.random()
    if spoilt < 0.05:
        return text[: rng.randrange(len(text))]
    return text + b"&a [*a]" * 50 if spoilt < 0.1 else text


def _packed(rng: random.Random, entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))) as archive:
        for name, data in entries.items():
            if rng.random() < 0.04 and archive.compression == zipfile.ZIP_DEFLATED:
                data += b" " * BOMB_BYTES
            if rng.random() < 0.05:
                name = rng.choice(("../../", "/tmp/", "c:\\", "\0", "a/" * 200)) + name
            info = zipfile.ZipInfo(name.replace("\0", "_"))
            info.compress_type = archive.compression
            if rng.random() < 0.05:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                data = b"/etc/passwd"
            archive.writestr(info, data)
        for index in range(rng.choice((0, 0, 0, 0, 0, 0, 0, 2000))):
            archive.writestr(zipfile.ZipInfo(f"luts/{index}"), b"")
    return buffer.getvalue()
