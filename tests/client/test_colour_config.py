# SPDX-License-Identifier: Apache-2.0
"""The OCIO config that travels with a job is self-contained, bounded, and the same blob everywhere."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import PyOpenColorIO as ocio
import pytest

from void_client import colour_config
from void_client.colour_config import ColourConfig, chosen_config, colour_space, load_config, pack
from void_client.errors import BadInput

CONFIG = """ocio_profile_version: 2
search_path: {search}
roles:
  default: raw
  scene_linear: show
file_rules:
  - !<Rule> {{name: Default, colorspace: default}}
displays:
  d:
    - !<View> {{name: v, colorspace: raw}}
colorspaces:
  - !<ColorSpace>
    name: raw
    isdata: true
  - !<ColorSpace>
    name: show
    from_scene_reference: !<FileTransform> {{src: {source}}}
"""
CURVE = "Version 1\nFrom 0.0 1.0\nLength 2\nComponents 1\n{\n  0.0\n  0.5\n}\n"


def write_config(folder: Path, search: str = "luts", source: str = "show.spi1d") -> Path:
    (folder / "luts").mkdir(parents=True)
    (folder / "luts" / "show.spi1d").write_text(CURVE)
    (folder / "readme.txt").write_text("not a look-up file")
    path = folder / "show.ocio"
    path.write_text(CONFIG.format(search=search, source=source))
    return path


def test_a_packed_config_is_what_ocio_reads_as_an_archive(tmp_path: Path) -> None:
    archive = tmp_path / "packed.ocioz"
    archive.write_bytes(pack(write_config(tmp_path / "config")))
    config = ocio.Config.CreateFromFile(str(archive))
    config.validate()
    to_show = ocio.FileTransform(src="show.spi1d")
    assert config.getProcessor(to_show).getDefaultCPUProcessor().applyRGB([1.0, 0.0, 0.5]) == [0.5, 0.0, 0.25]


def test_the_same_config_elsewhere_and_later_is_the_same_blob(tmp_path: Path) -> None:
    first = write_config(tmp_path / "a")
    second = write_config(tmp_path / "b")
    os.utime(second, (1, 1))
    assert pack(first) == pack(second)


def test_the_order_of_a_folder_and_the_clock_leave_no_trace(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    for name in ("b", "a", "C", "luts/z", "luts/y"):
        (tmp_path / f"{name}.cube").touch()
    with zipfile.ZipFile(io.BytesIO(pack(config))) as archive:
        names = archive.namelist()
        dates = {entry.date_time for entry in archive.infolist()}
    assert names == ["config.ocio", *sorted(names[1:])]
    assert dates == {(1980, 1, 1, 0, 0, 0)}


def test_a_changed_look_up_file_is_another_blob(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    before = pack(config)
    (tmp_path / "luts" / "show.spi1d").write_text(CURVE.replace("0.5", "0.6"))
    assert pack(config) != before


@pytest.mark.parametrize(
    ("search", "source"),
    [
        ("../luts", "show.spi1d"),
        ("luts:/show/luts", "show.spi1d"),
        ("$STUDIO/luts", "show.spi1d"),
        ("C:/luts", "show.spi1d"),
        ("[luts, ../more]", "show.spi1d"),
        ("luts", "/show/show.spi1d"),
        ("luts", "../show.spi1d"),
        ("luts", "C:/show.spi1d"),
    ],
)
def test_a_config_that_leads_out_of_its_folder_is_refused(tmp_path: Path, search: str, source: str) -> None:
    with pytest.raises(BadInput, match="outside its folder"):
        pack(write_config(tmp_path, search, source))


def test_a_search_path_as_a_list_is_read_too(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="outside its folder"):
        pack(write_config(tmp_path, "\n  - luts\n  - ../more"))


def test_a_folder_full_of_look_up_files_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(colour_config, "MAX_ARCHIVE_FILES", 0)
    with pytest.raises(BadInput, match=r"show\.ocio"):
        pack(write_config(tmp_path))


def test_huge_look_up_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colour_config, "MAX_ARCHIVE_BYTES", 100)
    with pytest.raises(BadInput, match="MiB"):
        pack(write_config(tmp_path))


@pytest.mark.parametrize(
    "name", ["studio-config-v2.1.0_aces-v1.3_ocio-v2.3", "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"]
)
def test_a_built_in_config_travels_by_name(name: str) -> None:
    assert load_config(name).builtin == "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"


def test_an_archive_travels_as_it_is(tmp_path: Path) -> None:
    archive = tmp_path / "show.ocioz"
    archive.write_bytes(b"an archive")
    found = load_config(str(archive))
    assert found.archive is not None and found.archive.size == len(b"an archive")


@pytest.mark.parametrize("name", ["none.ocio", "/nowhere/config.ocio", "my-config"])
def test_a_config_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(BadInput, match=name):
        load_config(name)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(BadInput, match=r"\.ocioz"):
        load_config(str(tmp_path / "config.yaml"))


def test_a_name_without_a_config_leaves_the_config_to_the_server() -> None:
    space = colour_space("ACEScg", None)
    assert space is not None and space.name == "ACEScg" and space.WhichOneof("config") is None


def test_neither_name_nor_config_is_no_colour_space() -> None:
    assert colour_space("", None) is None


def test_an_archive_is_named_by_its_blob(tmp_path: Path) -> None:
    config = load_config(str(write_config(tmp_path)))
    space = colour_space("", config)
    assert space is not None and config.archive is not None and space.archive == config.archive.blob


def test_a_config_of_the_environment_that_cannot_travel_names_the_variable_and_the_ways_out(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.ocio"
    config.write_text("ocio_profile_version: 2\nsearch_path: /studio/luts\n")
    with pytest.raises(BadInput) as caught:
        chosen_config("", {"OCIO": str(config)})
    assert "environment variable OCIO" in caught.value.message and "/studio/luts" in caught.value.message
    assert "--ocio ocio://default" in caught.value.fix and ".ocioz" in caught.value.fix


def test_a_config_of_the_option_goes_before_the_environments() -> None:
    assert chosen_config("ocio://default", {"OCIO": "/none"}) == ColourConfig(builtin="ocio://default")
