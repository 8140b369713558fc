# SPDX-License-Identifier: Apache-2.0
"""What the reasoner `motion` proposes, on shots whose shadows are known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import cv2
import numpy as np
import pytest
from safetensors.numpy import load, save

from tests.engines.scenes import Reader, Scene, scene
from void_server.engines.cleanplate import CleanplateSettings, PairMotion, ProxyFrame, estimate_pair
from void_server.engines.cleanplate.proxy import HOLE
from void_server.reasoners.motion import (
    AGREEING_FRAMES,
    REACH,
    Proposal,
    agree,
    nearest_drawn,
    propose_frame,
    survey_pair,
)
from void_server.reasoners.motion.proposal import search_box
from void_server.reasoners.motion.strokes import STROKE_REACH, stroke_at
from void_server.reasoners.motion.whereabouts import SEEN, whereabouts

SURVEY = CleanplateSettings(quality="preview", margin=0)
FRAMES, MIDDLE = 24, 12
SHOT = {"frames": FRAMES, "size": (180, 320), "speed": (0.0, 9.0), "start": (70.0, 20.0), "shadow": True}


def decode(encoded: np.ndarray) -> np.ndarray:
    """The inverse of the scenes' own `encode8`, whose values are taken as 0..1."""
    return np.exp2(encoded * 10 - 10) - 2**-10


@dataclass
class Survey(Reader):
    """A survey with hint strokes by position, as the pipeline makes it."""

    strokes: dict[int, np.ndarray] = field(default_factory=dict)

    def motion(self, position: int) -> PairMotion:
        if position not in self.motions:
            self.motions[position] = survey_pair(position, self, self.settings)
        return self.motions[position]

    def stroke(self, position: int) -> np.ndarray | None:
        return self.strokes.get(position)


def surveyed(made: Scene, strokes: dict[int, np.ndarray] | None = None) -> Survey:
    alone = replace(made, affected=[np.zeros_like(a) for a in made.affected])
    return Survey(alone, SURVEY, strokes=strokes or {})


def proposals(made: Scene) -> list[Proposal]:
    survey = surveyed(made)
    return [propose_frame(i, survey, decode) for i in range(len(made.plates))]


def agreed(found: list[Proposal], frame: int) -> np.ndarray:
    near = found[max(0, frame - AGREEING_FRAMES) : frame + AGREEING_FRAMES + 1]
    return agree(found[frame], [p for p in near if p is not found[frame]])


def agreed_alone(survey: Survey, frame: int) -> np.ndarray:
    """As `agreed`, with no other frame looked at than it needs."""
    near = range(max(0, frame - AGREEING_FRAMES), min(FRAMES, frame + AGREEING_FRAMES + 1))
    found = {i: propose_frame(i, survey, decode) for i in near}
    return agree(found[frame], [p for i, p in found.items() if i != frame])


@cache
def rolling() -> tuple[Scene, list[Proposal]]:
    made = scene(**SHOT)
    return made, proposals(made)


@cache
def panned() -> tuple[Scene, list[Proposal]]:
    made = scene(**SHOT, pan=(0.6, 2.3), grain=0.02)
    return made, proposals(made)


def overlap(mask: np.ndarray, truth: np.ndarray, beside: np.ndarray) -> float:
    """Intersection over union, off the object."""
    mask, truth = mask & ~beside, (truth > 0.5) & ~beside
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))


@pytest.mark.parametrize("made", [rolling, panned], ids=["locked off", "pan with grain"])
def test_the_shadow_that_moves_with_the_object_is_proposed(made):
    shot, found = made()
    for frame in (6, MIDDLE, 18):
        assert overlap(agreed(found, frame), shot.affected[frame], shot.remove[frame] > 0) > 0.6


def test_without_a_shadow_nothing_is_proposed():
    made = scene(**SHOT | {"shadow": False}, grain=0.02)
    found = proposals(made)
    assert not any(p.figures["abstained"] for p in found)
    assert max(np.count_nonzero(agreed(found, i) & (made.remove[i] == 0)) for i in range(FRAMES)) < 40


def test_a_proposal_meets_the_objects_matte_without_a_gap():
    shot, found = rolling()
    affected, remove = agreed(found, MIDDLE), shot.remove[MIDDLE] > 0
    rows = np.flatnonzero(remove.any(1))
    foot = rows[-1] + 1
    columns = np.flatnonzero(remove.any(0))[5:-5]
    assert affected[foot, columns].all()


def test_something_else_that_passes_by_is_not_proposed():
    made = scene(**SHOT | {"shadow": False})
    for i, plate in enumerate(made.plates):
        left = 290 - 9 * i
        plate[98:112, max(0, left) : max(0, left + 30)] *= 0.5
    found = proposals(made)
    alone = sum(np.count_nonzero(p.affected) for p in found)
    together = sum(np.count_nonzero(agreed(found, i)) for i in range(FRAMES))
    assert alone > 500, "it is close enough to be taken for a shadow in single frames"
    assert together < 0.25 * alone


def test_light_that_changes_everywhere_is_not_the_objects_doing():
    flicker = [1.0 + 0.3 * ((i * 7) % 5 - 2) / 2 for i in range(FRAMES)]
    made = scene(**SHOT | {"shadow": False}, exposure=flicker)
    found = proposals(made)
    assert (
        sum(np.count_nonzero(agreed(found, i) & (made.remove[i] == 0)) for i in range(FRAMES)) < 40 * FRAMES
    )


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_too_few_frames_to_know_the_background_abstain(frames):
    made = scene(**SHOT | {"frames": frames})
    for i, found in enumerate(proposals(made)):
        assert found.figures["abstained"] == 1
        assert not found.affected.any() and not agree(found, []).any(), i


def test_an_object_that_rests_abstains_whatever_else_changes_beside_it():
    """Its shadow is never seen without it; what changes next to it is somebody else's doing."""
    made = scene(**SHOT | {"speed": (0.0, 0.0), "start": (70.0, 150.0)})
    for i, plate in enumerate(made.plates):
        plate[100:130, 180:230] *= 1.0 if i % 6 < 4 else 0.6
    for found in proposals(made):
        assert found.figures["abstained"] == 1 and found.figures["uncovered"] == 0


def test_a_frame_without_the_object_proposes_nothing_and_has_no_say():
    shot, found = rolling()
    gone = replace(shot, remove=[np.zeros_like(m) if i == MIDDLE else m for i, m in enumerate(shot.remove)])
    empty = propose_frame(MIDDLE, Reader(replace(gone, affected=gone.keep), SURVEY), decode)
    assert not empty.affected.any() and empty.object_box is None
    near = found[MIDDLE + 1 : MIDDLE + 3]
    np.testing.assert_array_equal(agree(found[MIDDLE], near), agree(found[MIDDLE], [empty, *near]))


def test_agreement_follows_the_object_not_the_picture():
    """A region that travels with its object stays; the same region at rest in the picture goes."""

    def proposal(x: int, region: int) -> Proposal:
        affected = np.zeros((60, 200), bool)
        affected[30:40, region : region + 20] = True
        return Proposal(affected, (x, 10, x + 20, 30), {"abstained": 0.0})

    travelling = [proposal(50 + 15 * i, 60 + 15 * i) for i in range(5)]
    resting = [proposal(50 + 15 * i, 60) for i in range(5)]
    assert agree(travelling[2], [*travelling[:2], *travelling[3:]]).sum() == 200
    assert not agree(resting[2], [*resting[:2], *resting[3:]]).any()


def test_an_object_that_the_frames_edge_cuts_is_followed_by_its_other_side():
    """It comes in from the left: its right side moves by 10 a frame, the middle of what shows by 5."""

    def proposal(right: int) -> Proposal:
        affected = np.zeros((60, 200), bool)
        affected[30:40, right : right + 20] = True
        return Proposal(affected, (0, 10, right, 30), {"abstained": 0.0})

    coming = [proposal(10 + 10 * i) for i in range(5)]
    assert agree(coming[2], [*coming[:2], *coming[3:]]).sum() == 200


def test_who_abstains_does_not_outvote_the_others():
    own = Proposal(np.ones((4, 4), bool), (1, 1, 3, 3), {"abstained": 0.0})
    silent = Proposal(np.zeros((4, 4), bool), (1, 1, 3, 3), {"abstained": 1.0})
    assert agree(own, [silent] * 6).all()
    assert not agree(silent, [own] * 6).any()


def test_a_proposal_survives_storing():
    _, found = rolling()
    again = Proposal.from_arrays(load(save(found[MIDDLE].to_arrays())))
    np.testing.assert_array_equal(again.affected, found[MIDDLE].affected)
    assert again.object_box == found[MIDDLE].object_box and again.figures == found[MIDDLE].figures


def test_the_search_reaches_further_down_than_up_and_stays_in_the_frame():
    frame = ProxyFrame(np.zeros((400, 960, 3), np.uint8), np.zeros((400, 960), np.uint8), (400, 960))
    assert search_box((500, 100, 600, 200), frame) == (410, 73, 690, 260)
    assert search_box((950, 390, 960, 400), frame) == (923, 363, 960, 400)
    assert search_box((-300, 100, -200, 200), frame) is None


def entering() -> tuple[Scene, list[np.ndarray]]:
    """The object comes in from the left on frame 9; its shadow goes 22 pixels before it."""
    made = scene(**SHOT | {"shadow": False, "start": (70.0, -98.0)})
    shadows = []
    for i, plate in enumerate(made.plates):
        left = round(-98 + 9 * i) + 22
        shadow = np.zeros(plate.shape[:2], bool)
        shadow[88:112, max(0, left) : max(0, left + 26)] = True
        shadow &= made.remove[i] == 0
        plate[shadow] *= 0.5
        shadows.append(shadow)
    return made, shadows


def test_a_shadow_that_comes_into_sight_before_its_object_is_proposed():
    made, shadows = entering()
    assert not made.remove[8].any() and made.remove[9].any() and shadows[7].any()
    found = proposals(made)
    for frame in (7, 8):
        assert overlap(agreed(found, frame), shadows[frame], made.remove[frame] > 0) > 0.5
    assert not any(agreed(found, frame).any() for frame in range(4))


def test_the_object_is_followed_beyond_the_frame_as_it_went_at_its_edge():
    made, _ = entering()
    survey = Reader(replace(made, affected=made.keep), SURVEY)
    first = next(i for i in range(FRAMES) if made.remove[i].any())
    at_edge, beyond = whereabouts(first, survey), whereabouts(first - 3, survey)
    assert at_edge is not None and at_edge[2] - at_edge[0] == pytest.approx(26, abs=2), (
        "as wide as it is whole"
    )
    assert beyond is not None and beyond[2] == pytest.approx(at_edge[2] - 27, abs=3)
    assert beyond[1::2] == pytest.approx(at_edge[1::2], abs=1)
    resting = scene(**SHOT | {"shadow": False})
    gap = [np.zeros_like(m) if i == MIDDLE else m for i, m in enumerate(resting.remove)]
    assert whereabouts(MIDDLE, Reader(replace(resting, remove=gap), SURVEY)) is None


def test_what_has_no_samples_is_not_taken_for_the_object():
    """A plate whose data window is smaller than the shot's has no samples beyond it."""
    made, found = rolling()
    plates = [plate.copy() for plate in made.plates]
    for plate in plates:
        plate[:, 300:] = np.nan
    alone = replace(made, plates=plates, affected=made.keep)
    again = propose_frame(MIDDLE, Reader(alone, SURVEY), decode)
    assert again.object_box == found[MIDDLE].object_box
    assert overlap(again.affected, made.affected[MIDDLE], made.remove[MIDDLE] > 0) > 0.6


def test_the_same_shot_gives_the_same_bits():
    made, found = rolling()
    alone = replace(made, affected=made.keep)
    again = propose_frame(MIDDLE, Reader(alone, SURVEY), decode)
    np.testing.assert_array_equal(again.affected, found[MIDDLE].affected)
    assert again.figures == found[MIDDLE].figures
    assert Reader(alone, SURVEY).proxy(MIDDLE).where(HOLE).any()


def airborne(soften: float = 0.0, pan: tuple[float, float] = (0.0, 0.0)) -> tuple[Scene, list[np.ndarray]]:
    """A ball in the air, its shadow on the ground far below: 64 rows lie between the two. Truth: half the shadow."""
    made = scene(**SHOT | {"shadow": False, "start": (20.0, 20.0)}, pan=pan, grain=0.01)
    truth = []
    for i, plate in enumerate(made.plates):
        if soften:
            beside = made.remove[i] == 0
            plate[beside] = cv2.GaussianBlur(made.clean[i], (0, 0), soften)[beside]
        shadow = np.zeros(plate.shape[:2], np.float32)
        shadow[110:126, 20 + 9 * i : 50 + 9 * i] = 1
        shadow = cv2.GaussianBlur(shadow, (0, 0), 2.0)
        plate *= (1 - 0.5 * shadow)[..., None]
        truth.append(shadow > 0.5)
    return made, truth


def line(row: int, left: int, right: int) -> np.ndarray:
    drawn = np.zeros((180, 320), bool)
    drawn[row : row + 2, left:right] = True
    return drawn


LINE = line(118, 20 + 9 * MIDDLE + 8, 50 + 9 * MIDDLE - 8)
"""In the middle of the shadow of `airborne` on the frame `MIDDLE`."""


def test_a_shadow_away_from_its_object_is_proposed_where_a_stroke_on_one_frame_points_at_it():
    made, truth = airborne()
    without, hinted = surveyed(made), surveyed(made, {MIDDLE: LINE})
    assert not (propose_frame(MIDDLE, without, decode).affected & truth[MIDDLE]).any()
    for frame in (MIDDLE, 19):
        found = agreed_alone(hinted, frame)
        assert (found & truth[frame]).sum() > 0.95 * truth[frame].sum()
        assert overlap(found, truth[frame], made.remove[frame] > 0) > 0.5
    assert propose_frame(19, hinted, decode).figures["stroke_offset"] == MIDDLE - 19
    assert "stroke_offset" not in propose_frame(MIDDLE, without, decode).figures


def test_nothing_grows_from_a_stroke_on_plain_background():
    made, truth = airborne()
    survey = surveyed(made, {MIDDLE: line(160, 60, 160) | line(118, 250, 300)})
    for frame in (MIDDLE, 16):
        proposed = propose_frame(frame, survey, decode)
        assert proposed.figures["stroke_offset"] == MIDDLE - frame and not proposed.figures["abstained"]
        found = proposed.affected & (made.remove[frame] == 0)
        assert np.count_nonzero(found) < 40 and not (found & truth[frame]).any()


def test_flow_is_not_measured_on_what_a_stroke_points_at():
    """On soft ground flow follows the shadow's edges; without a guard there this is 0.3 at most."""
    made, truth = airborne(3.0, (0.6, 2.3))
    survey = surveyed(made, {MIDDLE: LINE})
    found = propose_frame(16, survey, decode).affected
    assert overlap(found, truth[16], made.remove[16] > 0) > 0.45


def test_what_is_pointed_at_on_its_own_frame_needs_no_other_frames_say():
    """A mark that shows on one frame only does not go with the object; the artist says that it is its doing."""
    made = scene(**SHOT | {"shadow": False, "start": (20.0, 20.0)})
    made.plates[MIDDLE][110:130, 100:140] *= 0.5
    mark = np.zeros((180, 320), np.float32)
    mark[110:130, 100:140] = 1
    drawn = surveyed(made, {MIDDLE: line(120, 110, 130)})
    assert overlap(agreed_alone(drawn, MIDDLE), mark, mark < 0) > 0.6
    beside = surveyed(made, {MIDDLE + 1: line(120, 119, 139)})
    assert (propose_frame(MIDDLE, beside, decode).affected & (mark > 0)).any()
    assert not agreed_alone(beside, MIDDLE).any()


def test_a_stroke_goes_where_the_object_goes():
    made, _ = airborne()
    survey = surveyed(made, {MIDDLE: LINE})
    carried = stroke_at(MIDDLE - 4, survey)
    assert carried is not None and carried.offset == 4
    np.testing.assert_array_equal(carried.mask, np.roll(LINE, -36, axis=1))
    gap = [np.zeros_like(m) if i == MIDDLE + 2 else m for i, m in enumerate(made.remove)]
    hidden = surveyed(replace(made, remove=gap), {MIDDLE: LINE})
    assert stroke_at(MIDDLE + 2, hidden) is None, "the object is out of sight"
    empty = propose_frame(MIDDLE + 2, hidden, decode)
    assert empty.object_box is None and not empty.affected.any()


def test_the_nearest_stroke_within_reach_is_taken_the_earlier_of_two():
    def nearest(target: int, *drawn: int) -> int | None:
        return nearest_drawn(target, 200, lambda p: p in drawn)

    assert nearest(50, 50, 51) == 50
    assert nearest(50, 47, 53) == 47
    assert nearest(50, 45, 53) == 53
    assert nearest(50, 50 - STROKE_REACH) == 50 - STROKE_REACH
    assert nearest(50, 50 - STROKE_REACH - 1, 50 + STROKE_REACH + 1) is None
    assert STROKE_REACH + SEEN <= REACH, "what a carried stroke depends on is in the key of a proposal"


def test_the_search_takes_in_a_stroke_with_the_objects_size_around_it():
    frame = ProxyFrame(np.zeros((400, 960, 3), np.uint8), np.zeros((400, 960), np.uint8), (400, 960))
    assert search_box((500, 100, 600, 200), frame, (550, 300, 580, 310)) == (410, 73, 690, 400)
    assert search_box((500, 100, 600, 200), frame, (200, 120, 210, 130)) == (100, 20, 690, 260)
    assert search_box((-300, 100, -200, 200), frame, (20, 150, 40, 160)) == (0, 50, 140, 260)


def test_without_strokes_nothing_is_other_than_it_was():
    made, _ = rolling()
    survey = surveyed(made)
    one, two = survey.proxy(3), survey.proxy(4)
    plain = estimate_pair(one, two, SURVEY).to_arrays()
    for name, values in survey_pair(3, survey, SURVEY).to_arrays().items():
        np.testing.assert_array_equal(values, plain[name])
    assert set(rolling()[1][MIDDLE].to_arrays()) == {
        "affected",
        "object_box",
        *(f"figure.{n}" for n in ("abstained", "coverage", "noise", "threshold", "uncovered")),
    }


def test_a_proposal_with_what_was_pointed_at_survives_storing():
    own = Proposal(np.ones((4, 4), bool), (1, 1, 3, 3), {"abstained": 0.0}, np.eye(4, dtype=bool))
    again = Proposal.from_arrays(load(save(own.to_arrays())))
    assert again.pointed_at is not None
    np.testing.assert_array_equal(again.pointed_at, own.pointed_at)
