# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from tests.engines.void.recorded import BASE, PROMPT, recording
from void_server.engines.void.text import TOKENS, embeddings, token_ids

FARTHEST = 5e-5
"""Of an embedding in float32, between versions of transformers."""


def test_tokens_are_the_recorded_ones():
    assert torch.equal(token_ids(PROMPT, BASE / "tokenizer"), recording("short")["prompt_token_ids"])


def test_embeddings_are_the_recorded_ones():
    wanted = recording("pass2")["transformer/00/encoder_hidden_states"]
    found = torch.cat(embeddings(["", PROMPT], BASE, torch.float32, torch.device("cpu")))
    torch.testing.assert_close(found, wanted, rtol=0, atol=FARTHEST)


def test_a_prompt_of_any_length_has_as_many_tokens():
    assert token_ids("a table " * 300, BASE / "tokenizer").shape == (1, TOKENS)


def test_a_missing_tokenizer_is_an_error_and_nothing_is_fetched(tmp_path):
    with pytest.raises(OSError, match="tokenizer"):
        token_ids(PROMPT, tmp_path / "tokenizer")
