# SPDX-License-Identifier: Apache-2.0
"""A safetensors file's own header says how long it has to be; a hostile one is refused."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from tests.weights.models import safetensors, tensors
from void_server.weights.layout import State, state_of
from void_server.weights.safetensors_header import MOST_HEADER_BYTES, BadHeader, whole_length


def test_the_length_is_that_of_a_file_of_the_safetensors_library(tmp_path):
    import numpy as np

    path = tmp_path / "x.safetensors"
    save_file({"a": np.zeros((3, 5), np.float32), "b": np.ones(7, np.float16), "c": np.zeros(0)}, path)
    assert whole_length(path) == path.stat().st_size


@pytest.mark.parametrize("keep", [1, 7, 8, 20, -1, -4096])
def test_a_file_cut_anywhere_is_truncated(tmp_path, keep):
    path = tmp_path / "x.safetensors"
    path.write_bytes(tensors("x")[:keep])
    assert state_of(path).state is State.TRUNCATED


def test_a_file_with_bytes_behind_its_tensors_is_wrong(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(tensors("x") + b"more")
    assert state_of(path).state is State.WRONG


def test_a_header_longer_than_the_file_is_told_without_reading_on(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", MOST_HEADER_BYTES) + b"{}")
    assert "ends inside its header" in state_of(path).matter


def test_a_header_longer_than_the_format_allows_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", 2**63) + b"{}")
    status = state_of(path)
    assert status.state is State.WRONG and str(MOST_HEADER_BYTES) in status.matter


ENTRY = {"dtype": "U8", "shape": [4]}
HOSTILE = {
    "not JSON": b"nothing",
    "nested": b"[" * 100_000,
    "no object": b"[1]",
    "no tensors": b"{}",
    "no entry": b'{"a": 1}',
    "no offsets": json.dumps({"a": ENTRY}).encode(),
    "text offsets": json.dumps({"a": ENTRY | {"data_offsets": ["0", "4"]}}).encode(),
    "true offsets": b'{"a": {"data_offsets": [false, true]}}',
    "negative": json.dumps({"a": ENTRY | {"data_offsets": [-4, 0]}}).encode(),
    "backwards": json.dumps({"a": ENTRY | {"data_offsets": [4, 0]}}).encode(),
    "hole": json.dumps({"a": ENTRY | {"data_offsets": [4, 8]}}).encode(),
    "overlap": json.dumps({n: ENTRY | {"data_offsets": [0, 4]} for n in "ab"}).encode(),
    "long number": b'{"a": {"data_offsets": [0, ' + b"9" * 5000 + b"]}}",
}


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE)
def test_a_header_that_is_none_is_wrong(tmp_path, header):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    status = state_of(path)
    assert status.state is State.WRONG and status.matter


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("h") / "x.safetensors"
    path.write_bytes(data)
    try:
        assert whole_length(path) >= 8
    except BadHeader as error:
        assert str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**70) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=3), st.fixed_dictionaries({"data_offsets": JSON}) | JSON, max_size=3))
def test_no_header_breaks_the_reader(tmp_path_factory, header):
    path = tmp_path_factory.mktemp("h") / "x.safetensors"
    path.write_bytes(safetensors(header, b""))
    try:
        assert whole_length(path) >= 8
    except BadHeader as error:
        assert str(error)
