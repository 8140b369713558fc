# SPDX-License-Identifier: Apache-2.0
"""Files are named by the SHA-256 of their bytes; what cannot be read is said by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_client.content import Meter, content_of_bytes, content_of_file, hash_files
from void_client.errors import BadInput
from void_client.events import Event, Moving


@given(st.binary(min_size=1, max_size=5000))
def test_bytes_and_a_file_of_them_are_the_same_content(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("content") / "a"
    path.write_bytes(data)
    of_bytes, of_file = content_of_bytes("a", data), content_of_file(path, "a")
    assert of_bytes.digest == of_file.digest == hashlib.sha256(data).hexdigest()
    assert of_file.open().read() == of_bytes.open().read() == data


def test_an_empty_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(BadInput, match=r"roto\.0001\.exr is empty"):
        content_of_file(tmp_path / "a", "roto.0001.exr")


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 10)

    def grow(_: int) -> None:
        with path.open("ab") as file:
            file.write(b"y")
            file.truncate(20)

    with pytest.raises(BadInput, match="changed while"):
        content_of_file(path, "a", on_bytes=grow)


def test_all_unreadable_files_are_returned_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"x")
    (tmp_path / "empty").touch()
    files = [(tmp_path / n, n) for n in ("good", "empty", "none")]
    contents, errors = hash_files(files, lambda event: None)
    assert [p.name for p in contents] == ["good"]
    assert [e.file for e in errors] == ["empty", "none"]


def test_a_file_of_two_inputs_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"xyz")
    told: list[Event] = []
    hash_files([(tmp_path / "a", "a"), (tmp_path / "a", "a")], told.append)
    assert told[-1] == Moving("hashing", 1, 1, 3, 3)


def test_a_meter_tells_the_first_and_the_last_change_and_few_between() -> None:
    told: list[Event] = []
    meter = Meter("uploading", 1, 1000, told.append)
    for _ in range(1000):
        meter.add(1)
    meter.add(files=1)
    assert told[0] == Moving("uploading", 0, 1, 1, 1000)
    assert told[-1] == Moving("uploading", 1, 1, 1000, 1000)
    assert len(told) < 10
