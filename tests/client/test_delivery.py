# SPDX-License-Identifier: Apache-2.0
"""Outputs are fetched once each, in the background, and an error ends what is under way."""

from __future__ import annotations

import os
import time
from hashlib import sha256
from pathlib import Path

import pytest
from void.v1 import jobs_pb2

from tests.client.cutting_proxy import CuttingProxy
from void_client.connection import Connection
from void_client.content import Content, content_of_bytes
from void_client.delivery import Delivery
from void_client.errors import RequestRefused
from void_client.events import Event, Moving, Written
from void_client.results import ResultFolder
from void_client.transfer import upload


def stored(connection: Connection, size: int) -> Content:
    content = content_of_bytes("stored", os.urandom(size))
    upload(connection, [content], lambda event: None)
    return content


def result(content: Content, frame: int) -> jobs_pb2.Output:
    return jobs_pb2.Output(kind=jobs_pb2.OUTPUT_KIND_RESULT, frame=frame, blob=content.blob)


def test_an_output_that_is_told_twice_is_written_once(connection: Connection, tmp_path: Path) -> None:
    output, told = result(stored(connection, 100), 1), []
    with Delivery(connection, ResultFolder(tmp_path, "shot", 4), told.append) as delivery:
        delivery.take(output)
        assert delivery.finish([output]) == 1
    assert told == [Written("result", 1, str(tmp_path / "shot.0001.exr"), True)]


def test_fetching_everything_tells_how_far_it_is(connection: Connection, tmp_path: Path) -> None:
    outputs = [result(stored(connection, 1000), n) for n in (1, 2)]
    told: list[Event] = []
    with Delivery(connection, ResultFolder(tmp_path, "shot", 4), told.append) as delivery:
        delivery.fetch_all(outputs)
    assert [e for e in told if isinstance(e, Moving)][-1] == Moving("fetching", 2, 2, 2000, 2000)


def test_an_output_that_cannot_be_fetched_is_told_at_the_next_one(
    connection: Connection, tmp_path: Path
) -> None:
    gone = Content("gone", "2" * 64, 10, lambda: (tmp_path / "gone").open("rb"))
    good = result(stored(connection, 100), 2)
    with (
        pytest.raises(RequestRefused),
        Delivery(connection, ResultFolder(tmp_path, "shot", 4), lambda event: None) as delivery,
    ):
        delivery.take(result(gone, 1))
        delivery.finish([good])


def test_an_error_of_the_caller_ends_downloads_and_leaves_nothing_half_written(
    connection: Connection, cut_connection: Connection, proxy: CuttingProxy, tmp_path: Path
) -> None:
    output = result(stored(connection, 8 * 2**20), 1)
    proxy.bytes_per_s = 2**20
    begun = time.monotonic()
    with (
        pytest.raises(KeyboardInterrupt),
        Delivery(cut_connection, ResultFolder(tmp_path, "shot", 4), lambda event: None) as delivery,
    ):
        delivery.take(output)
        time.sleep(0.3)
        raise KeyboardInterrupt
    assert time.monotonic() - begun < 5
    assert list(tmp_path.rglob("*.exr")) == list(tmp_path.rglob("*.part")) == []


def test_an_output_that_is_published_again_with_other_bytes_replaces_the_first(
    connection: Connection, tmp_path: Path
) -> None:
    first, again = result(stored(connection, 2 * 2**20), 1), result(stored(connection, 100), 1)
    with Delivery(connection, ResultFolder(tmp_path, "shot", 4), lambda event: None) as delivery:
        delivery.take(first)
        delivery.take(again)
        assert delivery.finish([again]) == 1
    assert sha256((tmp_path / "shot.0001.exr").read_bytes()).hexdigest() == again.blob.digest
