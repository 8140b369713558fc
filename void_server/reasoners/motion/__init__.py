# SPDX-License-Identifier: Apache-2.0
"""The reasoner `motion`: proposes shadows, reflections and moved things from the plate alone, without a model.

Three pure steps, each of which may run in a process of its own and be stored: `sort_movers` tells what the object set
in motion; `propose_frame` for every frame compares it with what the other frames show behind the object's surroundings,
and with how moved things stood before; `agree` keeps what moves with the object. It reads
the proxies and motions of a survey made with the removed object's matte alone; what the artist drew as affected is read
as hint strokes. The method is docs/motion_reasoner.md.
"""

from void_server.reasoners.motion.agreement import AGREEING_FRAMES, agree, proposed_matte
from void_server.reasoners.motion.background import SurveyReader
from void_server.reasoners.motion.movers import Movers, sort_movers
from void_server.reasoners.motion.proposal import Proposal, propose_frame
from void_server.reasoners.motion.settings import REACH, SURVEY_SETTINGS, VERSION
from void_server.reasoners.motion.strokes import nearest_drawn, survey_pair
from void_server.reasoners.motion.whereabouts import OUT_OF_SIGHT

__all__ = [
    "AGREEING_FRAMES",
    "OUT_OF_SIGHT",
    "REACH",
    "SURVEY_SETTINGS",
    "VERSION",
    "Movers",
    "Proposal",
    "SurveyReader",
    "agree",
    "nearest_drawn",
    "propose_frame",
    "proposed_matte",
    "sort_movers",
    "survey_pair",
]
