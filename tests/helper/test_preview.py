# SPDX-License-Identifier: Apache-2.0
"""The matte of one frame through the helper, by a real server with a tiny SAM2 of random values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import OpenImageIO as oiio
import pytest

from tests.client.conftest import ServerProcess, clean_environment
from tests.helper.host import Host
from tests.segmenters.sam2_models import tiny_model
from tests.small_shot import SmallShot

CLICKS = [{"frame": 7, "x": 30, "y": 30}, {"frame": 8, "x": 1, "y": 9000}]


@pytest.fixture(scope="module")
def clicking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    weights = tmp_path_factory.mktemp("weights")
    tiny_model().save_pretrained(weights / "sam2" / "sam2.1-hiera-tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOID_WEIGHTS", str(weights))
        running = ServerProcess(tmp_path_factory.mktemp("clicking") / "store")
        yield running
        running.stop()


@pytest.fixture
def host(clicking: ServerProcess, start_host: Callable[..., Host]) -> Host:
    return start_host(
        clean_environment(VOID_SERVER=clicking.address, VOID_TOKEN_FILE=str(clicking.token_file))
    )


def width_of(path: Path) -> int:
    return int(oiio.ImageBuf(str(path)).spec().width)


def test_a_click_gives_a_matte_of_the_plate_s_size_where_it_was_asked_for(
    host: Host, shot: SmallShot, tmp_path: Path
) -> None:
    plate, out = shot.files("plate")[1001], tmp_path / "neu é" / "matte.exr"
    reply = host.ask(1, "preview", frame=7, plate=str(plate), segmenter="sam2", points=CLICKS, out=str(out))
    assert reply == {"path": str(out)}
    assert oiio.ImageBuf(str(out)).spec().channelnames == ("A",)
    assert width_of(out) == width_of(plate)


def test_a_roto_of_the_frame_is_taken_too(host: Host, shot: SmallShot, tmp_path: Path) -> None:
    plate, roto = shot.files("plate")[1001], shot.files("roto")[1001]
    host.ask(1, "preview", frame=7, plate=str(plate), remove=str(roto), out=str(tmp_path / "m.exr"))
    assert (tmp_path / "m.exr").exists()


def test_what_the_server_refuses_is_told_and_nothing_is_written(
    host: Host, shot: SmallShot, tmp_path: Path
) -> None:
    plate, out = shot.files("plate")[1001], tmp_path / "m.exr"
    error = host.refused(1, "preview", frame=8, plate=str(plate), points=CLICKS, out=str(out))
    assert "9000" in error["message"] and not out.exists()


def test_a_plate_that_is_not_there_is_told(host: Host, tmp_path: Path) -> None:
    error = host.refused(1, "preview", frame=1, plate="/gone/p.exr", out=str(tmp_path / "m.exr"))
    assert "/gone/p.exr cannot be read" in error["message"]
