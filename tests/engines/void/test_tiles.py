# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.void.recorded import clip, rel_rms, vae
from void_server.engines.void.clip import resized
from void_server.engines.void.tiles import OVERLAP, PIXELS, TiledVAE, spans

SIDE = 96


@given(length=st.integers(1, 400), side=st.integers(9, 64), overlap=st.integers(1, 8))
def test_pieces_cover_a_length_and_share_enough(length, side, overlap):
    found = spans(length, side, overlap)
    assert found[0][0] == 0 and found[-1][1] == length
    assert all(end - begin == min(side, length) for begin, end in found)
    assert all(first[1] - second[0] >= overlap for first, second in pairwise(found))


@pytest.fixture(scope="module")
def latents() -> torch.Tensor:
    return torch.randn(1, 16, 2, 16, 24, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def whole(latents) -> torch.Tensor:
    return vae().decode(latents)


@pytest.fixture(scope="module")
def tiled(latents) -> torch.Tensor:
    return TiledVAE(vae(), SIDE).decode(latents)


def test_a_picture_no_larger_than_a_tile_is_decoded_as_without_tiles(latents, whole):
    assert rel_rms(TiledVAE(vae(), 24 * PIXELS).decode(latents), whole) < 1e-6


def test_tiles_show_what_the_whole_shows(tiled, whole):
    """What a tile's own statistics change is a few levels of 255; the values are the tiny model's."""
    assert tiled.shape == whole.shape
    assert float((tiled - whole).abs().mean()) < 4 / 255


def test_no_seam_is_seen_where_tiles_meet(tiled, whole):
    """Where a tile begins, the difference to the whole changes no faster from pixel to pixel than elsewhere."""
    change = (tiled - whole).diff(dim=-1).abs().mean(dim=(0, 1, 2, 3))
    borders = [
        x * PIXELS for span in spans(24, SIDE // PIXELS, OVERLAP // PIXELS) for x in span if 0 < x < 24
    ]
    at_borders = torch.stack([change[x - 2 : x + 1].max() for x in borders])
    assert borders and float(at_borders.max()) < 2 * float(change.median())


def test_tiles_that_do_not_fade_would_be_seen(latents, whole):
    """The test above can fail: tiles laid side by side do show."""
    left, right = (vae().decode(latents[..., a:b]) for a, b in ((0, 12), (12, 24)))
    change = (torch.cat([left, right], dim=-1) - whole).diff(dim=-1).abs().mean(dim=(0, 1, 2, 3))
    assert float(change[95]) > 2 * float(change.median())


def test_progress_counts_the_chunks_of_all_tiles(latents):
    told = []
    TiledVAE(vae(), SIDE).decode(latents, lambda *seen: told.append(seen))
    assert told == [(done, 16) for done in range(1, 17)], "eight tiles of two chunks"


def test_the_encoder_sees_the_whole_picture():
    shown = resized(clip("frame")[:5].float() / 127.5 - 1, 128, 192)[None]
    assert torch.equal(TiledVAE(vae(), SIDE).encode(shown), vae().encode(shown))
