# SPDX-License-Identifier: Apache-2.0
"""A matte of one frame while an artist clicks, through a real server, with a tiny SAM2 of random values."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import grpc
import numpy as np
import OpenImageIO as oiio
import pytest
from void.v1 import masks_pb2, types_pb2

from tests.conftest import RunningServer
from tests.pipeline.servers import server_with
from tests.segmenters.sam2_models import tiny_model
from tests.server.calls import spec_of


@pytest.fixture(scope="module")
def server(tmp_path_factory, shot) -> Iterator[RunningServer]:
    weights = tmp_path_factory.mktemp("weights")
    tiny_model().save_pretrained(weights / "sam2" / "sam2.1-hiera-tiny")
    with server_with(tmp_path_factory, shot, weights=weights) as running:
        yield running


def click(shot, x: float, y: float, **more) -> masks_pb2.PreviewRequest:
    frame = spec_of(shot, "/x").shot.plate.files[0]
    point = types_pb2.PointPrompt(frame=frame.frame, x=x, y=y, positive=True)
    return masks_pb2.PreviewRequest(frame=frame, points=[point], **more)


def asked(caller, request: masks_pb2.PreviewRequest) -> masks_pb2.PreviewResponse:
    return caller.masks.Preview(request, metadata=caller.metadata, timeout=60)


def test_a_click_gives_a_matte_over_the_frame(server, shot, tmp_path):
    answer = asked(server.caller, click(shot, 20, 15))
    path = tmp_path / "matte.exr"
    path.write_bytes(server.caller.download(answer.matte.digest))
    matte, plate = oiio.ImageBuf(str(path)), oiio.ImageBuf(str(shot.files("plate")[shot.first]))
    assert matte.spec().channelnames == ("A",)
    assert (matte.spec().width, matte.spec().height) == (plate.spec().width, plate.spec().height)
    values = matte.get_pixels(oiio.FLOAT)
    assert np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1


def test_the_same_click_gives_the_same_bytes(server, shot):
    one, two = (asked(server.caller, click(shot, 20, 15)).matte.digest for _ in range(2))
    assert one == two


def test_a_roto_of_the_frame_is_taken_too(server, shot):
    roto = spec_of(shot, "/x").shot.remove.files[0]
    request = masks_pb2.PreviewRequest(frame=click(shot, 1, 1).frame, roto=roto)
    assert asked(server.caller, request).matte.bytes > 0


def refused(caller, request: masks_pb2.PreviewRequest) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as error:
        asked(caller, request)
    return error.value


def test_a_click_beside_the_picture_is_refused(server, shot):
    error = refused(server.caller, click(shot, 9000, 5))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT and "9000" in error.details()


def test_without_any_prompt_it_says_what_to_do(server, shot):
    error = refused(server.caller, masks_pb2.PreviewRequest(frame=click(shot, 1, 1).frame))
    assert "Click on the object" in error.details()


def test_a_frame_of_another_artist_is_not_there(server, shot):
    assert refused(server.caller_of("eve"), click(shot, 20, 15)).code() is grpc.StatusCode.NOT_FOUND


def test_the_matte_of_another_artist_cannot_be_fetched(server, shot):
    digest = asked(server.caller, click(shot, 20, 15)).matte.digest
    with pytest.raises(grpc.RpcError) as error:
        server.caller_of("mallory").download(digest)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_segmenter_of_whole_shots_says_where_to_ask(server, shot):
    assert "void mask make" in refused(server.caller, click(shot, 20, 15, segmenter="flow")).details()


def test_a_worker_that_is_busy_with_a_job_keeps_no_click_waiting(server, shot):
    """The worker of jobs is stopped in the middle of whatever it does."""
    pids = server.application.worker_pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert pids and asked(server.caller, click(shot, 20, 15)).matte.bytes > 0
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
