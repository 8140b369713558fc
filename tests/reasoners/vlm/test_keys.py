# SPDX-License-Identifier: Apache-2.0
"""Keys are read from private files or the environment, and show themselves nowhere."""

from __future__ import annotations

import os

import pytest

from void_server.errors import InvalidInput
from void_server.reasoners.vlm.keys import Key, read_key


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "key"
    path.write_text("abc-123\n")
    path.chmod(0o600)
    return path


def test_a_file_goes_before_the_environment(file):
    assert read_key(file, "K", {"K": "other"}).value == "abc-123"


def test_without_a_file_the_variable_counts():
    assert read_key(None, "K", {"K": " abc "}).value == "abc"


@pytest.mark.parametrize("environment", [{}, {"K": ""}, {"K": "  "}])
def test_without_either_there_is_no_key(environment):
    assert not read_key(None, "K", environment)


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_a_file_that_others_may_read_is_refused(file):
    file.chmod(0o640)
    with pytest.raises(InvalidInput, match="chmod 600"):
        read_key(file)


def test_a_missing_file_is_an_error_and_not_an_empty_key(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_key(tmp_path / "none", "K", {"K": "abc"})


@pytest.mark.parametrize("text", ["", "two words", "line\nline", "schlüssel"])
def test_what_no_header_can_hold_is_refused_without_repeating_it(file, text):
    file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read_key(file)
    assert not text or text not in str(caught.value)


def test_a_key_shows_itself_to_nobody():
    key = Key("abc-123")
    assert "abc" not in f"{key} {key!r} {[key]}"
    assert key.hidden_in("Bad key abc-123!") == "Bad key ***!"
    assert Key().hidden_in("text") == "text"
