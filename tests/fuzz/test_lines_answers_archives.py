# SPDX-License-Identifier: Apache-2.0
"""Hostile lines to the helper, lines of a hostile helper, answers of a model, archives, clips; `make fuzz` goes on."""

from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.archives import hostile_archive
from tests.fuzz.clips import CLIP_FOLDER, hostile_clip
from tests.fuzz.files import HostileClips, HostileOpener
from tests.fuzz.lines import HelperUnderFire, hostile_line
from tests.fuzz.vlm_answers import hostile_answer, parse_all
from tests.masks.small_masks import needs_ffmpeg
from void_server.errors import InvalidInput
from void_server.plates.colour import ColourSpace, load_config
from void_server.plates.colour_archive import MAX_CONFIG_BYTES, MAX_ENTRIES

sys.path.append(str(Path(__file__).parents[2] / "plugin_line"))
from void_line import command, helper

LINES, ANSWERS, ARCHIVES, CLIPS = 150, 2000, 60, 8


def test_a_helper_neither_dies_nor_answers_twice_whatever_it_is_sent(tmp_path: Path) -> None:
    under_fire = HelperUnderFire(tmp_path)
    under_fire.send(range(LINES))
    under_fire.check_memory()
    assert {"reply", "invalid_input", "left"} <= set(under_fire.ended)
    assert under_fire.close() == 0


def test_an_answer_is_taken_whole_and_within_its_bounds_or_refused() -> None:
    ended = parse_all(range(ANSWERS))
    assert set(ended) == {"taken", "malformed"}


def test_an_archive_ends_in_a_typed_error_or_is_read(tmp_path: Path) -> None:
    opener = HostileOpener(tmp_path)
    config = ODD_CONFIG.replace(b"TRANSFORM", b"to_scene_reference: !<FileTransform> {src: l.cube}")
    files = {"config.ocio": config, "l.cube": b"LUT_1D_SIZE 2\n0 0 0\n1 1 1\n"}
    opener.read("a whole archive", Path(archive(tmp_path, files)).read_bytes())
    opener.read_mutants(range(ARCHIVES))
    opener.close()
    assert not opener.findings.broken, [what for what, _ in opener.findings.broken]
    assert {code for _, code in opener.findings.ended} == {"ok", "invalid_input"}


@needs_ffmpeg
def test_a_clip_ends_in_a_typed_error_or_is_read_and_written(tmp_path: Path) -> None:
    clips = HostileClips(tmp_path)
    clips.read("a whole clip", (CLIP_FOLDER / "clip.mkv").read_bytes())
    clips.read_mutants(range(CLIPS))
    clips.close()
    assert not clips.findings.broken, [what for what, _ in clips.findings.broken]
    assert {code for _, code in clips.findings.ended} >= {"ok", "invalid_input"}


@needs_ffmpeg
def test_a_small_clip_of_huge_pictures_is_refused_before_memory_is_asked_for(tmp_path: Path) -> None:
    """A PNG of one colour in an avi, 250 million pixels in 750 kB, once took 1.5 GB and half a minute."""
    huge, one = (
        tmp_path / "huge.avi",
        ["-f", "lavfi", "-i", "color=black:s=12000x12000:r=1", "-frames:v", "1"],
    )
    subprocess.run(["ffmpeg", "-v", "error", *one, "-c:v", "png", huge], check=True)
    clips = HostileClips(tmp_path)
    outcomes = clips.read("huge", huge.read_bytes())
    clips.close()
    assert outcomes == {
        "inspect": "limit_exceeded",
        "clip": "limit_exceeded",
        "frames": "limit_exceeded",
        "memory": "ok",
    }


def test_a_number_is_the_same_bytes_each_time() -> None:
    for make in (hostile_line, hostile_answer, hostile_archive, hostile_clip):
        assert [make(n) for n in range(20)] == [make(n) for n in range(20)]


ODD_CONFIG = b"""ocio_profile_version: 2
search_path: .
roles: {default: raw, scene_linear: raw}
file_rules: [!<Rule> {name: Default, colorspace: raw}]
displays: {screen: [!<View> {name: plain, colorspace: raw}]}
colorspaces:
  - !<ColorSpace> {name: raw}
  - !<ColorSpace> {name: odd, TRANSFORM}
"""


def archive(folder: Path, entries: dict[str, bytes]) -> str:
    path = folder / "a.ocioz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in entries.items():
            packed.writestr(name, data)
    return str(path)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"config.ocio": b" " * (MAX_CONFIG_BYTES + 1)}, "MAX_CONFIG_BYTES"),
        ({"config.ocio": b"", **{str(n): b"" for n in range(MAX_ENTRIES)}}, "MAX_ENTRIES"),
        ({"readme": b""}, "no config.ocio"),
        ({"config.ocio": b"ocio_profile_version: 2\nroles: {a: \xa7}\n"}, "no UTF-8 text"),
        ({"config.ocio": b"", "../l.cube": b""}, "leads out"),
        ({"config.ocio": b"", "/etc/l.cube": b""}, "leads out"),
        ({"config.ocio": b"", "c:\\l.cube": b""}, "leads out"),
    ],
)
def test_an_archive_is_refused_before_it_is_unpacked(
    tmp_path: Path, entries: dict[str, bytes], said: str
) -> None:
    """Forty-eight MiB of blanks, 50 kB packed, once took OCIO half a minute."""
    begun = time.monotonic()
    with pytest.raises(InvalidInput, match=said):
        load_config(archive(tmp_path, entries))
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "source", ["/dev/zero", "FOLDER/secret.cube", "$A", "$A/secret.cube", "../secret.cube"]
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_look_up_file_outside_of_the_archive_is_never_opened(
    tmp_path: Path, source: str, nested: bool
) -> None:
    """One that named /dev/zero once kept a worker reading until its memory ended."""
    (tmp_path / "secret.cube").write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n")
    file = f"!<FileTransform> {{src: {source.replace('FOLDER', str(tmp_path))}}}"
    transform = f"!<GroupTransform> {{children: [{file}]}}" if nested else file
    config = ODD_CONFIG.replace(b"TRANSFORM", f"to_scene_reference: {transform}".encode())
    config = config.replace(b"search_path", f"environment: {{A: {tmp_path}}}\nsearch_path".encode())
    with pytest.raises(InvalidInput, match="outside of it"):
        load_config(archive(tmp_path, {"config.ocio": config}))


def test_a_search_path_outside_of_the_archive_is_refused(tmp_path: Path) -> None:
    config = ODD_CONFIG.replace(b"search_path: .", f"search_path: {tmp_path}".encode())
    config = config.replace(b"TRANSFORM", b"to_scene_reference: !<FileTransform> {src: l.cube}")
    with pytest.raises(InvalidInput, match="outside of it"):
        load_config(archive(tmp_path, {"config.ocio": config}))


def test_a_config_that_is_said_to_be_packed_into_gigabytes_is_refused_before_they_are_asked_for(
    tmp_path: Path,
) -> None:
    path = Path(archive(tmp_path, {"config.ocio": ODD_CONFIG}))
    data = bytearray(path.read_bytes())
    packed = data.rindex(b"PK\x01\x02") + 20  # of the central directory's entry (APPNOTE.TXT, section 4.3.12)
    data[packed : packed + 4] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="MAX_CONFIG_BYTES"):
        load_config(str(path))


def test_a_file_of_bytes_that_ocio_quotes_is_refused_as_such(tmp_path: Path) -> None:
    transform = b"to_scene_reference: !<FileTransform> {src: l.cube}"
    config = ODD_CONFIG.replace(b"TRANSFORM", transform)
    space = ColourSpace(
        "odd", archive(tmp_path, {"config.ocio": config, "l.cube": b"LUT_3D_SIZE \xa7\n"}), "", False
    )
    with pytest.raises(InvalidInput, match=r"cannot be used: .utf-8"):
        space.to_linear(np.zeros((1, 1, 3), np.float32))


HOSTILE_HELPER = """
import json, sys
out = sys.stdout.buffer
hello = json.loads(sys.stdin.buffer.readline())
for line in {lines!r}:
    out.write(line + b"\\n")
out.write(json.dumps({{"id": hello["id"], "reply": {{"protocol": 1}}}}).encode() + b"\\n")
out.flush()
asked = json.loads(sys.stdin.buffer.readline())
out.write(json.dumps({{"id": asked["id"], "reply": {{"well": True}}}}).encode() + b"\\n")
out.flush()
"""
LINES_OF_A_HELPER = [
    *(
        b"",
        b"null",
        b"5",
        b'"text"',
        b"[]",
        b"{}",
        b"\xff\xfe\x00",
        b"{",
        b'{"id": [1], "reply": {}}',
        b"nonsense",
    ),
    b'{"id": {}, "event": 5}',
    b"[" * 200_000,
    b'{"id": 1, "event": {"a": ' + b"[" * 200_000,
    b'{"id": ' + b"9" * 10_000 + b"}",
    b"a" * (1 << 20),
]


def test_a_plugin_goes_on_reading_behind_whatever_line_a_helper_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "hostile.py"
    program.write_text(HOSTILE_HELPER.format(lines=LINES_OF_A_HELPER))
    monkeypatch.setattr(command, "helper_command", lambda: [sys.executable, str(program)])
    monkeypatch.setattr(command, "log_file", lambda: str(tmp_path / "log"))
    line = helper.Helper("nuke 16.0")
    assert line.ask("site", {}, 20)["reply"] == {"well": True}
    line.kill()
