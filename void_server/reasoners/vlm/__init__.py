# SPDX-License-Identifier: Apache-2.0
"""The reasoners `gemini` and `openai`: a vision-language model says what the subject did to the scene, and where.

`question` makes what is asked, from pictures and mattes alone; `ask_openai` and `ask_gemini` send it, if site and job
allow that, and give an `Answer`; `effects_at` and `belongings_at` make mattes of it. `find_question` asks the same
models where the subject itself is. The method is docs/vlm_reasoners.md.
"""

from void_server.reasoners.vlm.affected import (
    OUTLINED,
    Effect,
    Grounder,
    as_boxes,
    belongings_at,
    effects_at,
)
from void_server.reasoners.vlm.answer import Answer, Bounds, parse_answer
from void_server.reasoners.vlm.asking import Asked, Price, Usage
from void_server.reasoners.vlm.consent import Allowed, Permission, allowed
from void_server.reasoners.vlm.find import FIND_VERSION, INSTEAD, find_question, parse_found
from void_server.reasoners.vlm.gemini import GeminiSettings, ask_gemini
from void_server.reasoners.vlm.grounding import Grounded, Outline, grounded
from void_server.reasoners.vlm.keys import Key, read_key
from void_server.reasoners.vlm.openai import OpenaiSettings, ask_openai
from void_server.reasoners.vlm.prompt import PROMPT_VERSION
from void_server.reasoners.vlm.record import Record
from void_server.reasoners.vlm.request import EffectsQuestion, PictureLimits, Question, question
from void_server.reasoners.vlm.schema import SCHEMA, Kind
from void_server.reasoners.vlm.wire import WireSettings

__all__ = [
    "FIND_VERSION",
    "INSTEAD",
    "OUTLINED",
    "PROMPT_VERSION",
    "SCHEMA",
    "Allowed",
    "Answer",
    "Asked",
    "Bounds",
    "Effect",
    "EffectsQuestion",
    "GeminiSettings",
    "Grounded",
    "Grounder",
    "Key",
    "Kind",
    "OpenaiSettings",
    "Outline",
    "Permission",
    "PictureLimits",
    "Price",
    "Question",
    "Record",
    "Usage",
    "WireSettings",
    "allowed",
    "as_boxes",
    "ask_gemini",
    "ask_openai",
    "belongings_at",
    "effects_at",
    "find_question",
    "grounded",
    "parse_answer",
    "parse_found",
    "question",
    "read_key",
]
