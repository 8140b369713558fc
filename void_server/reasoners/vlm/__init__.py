# SPDX-License-Identifier: Apache-2.0
"""The reasoners `gemini` and `openai`: a vision-language model says what the subject did to the scene, and where.

`question` makes what is asked, from pictures and mattes alone; `ask_openai` and `ask_gemini` send it, if site and job
allow that, and give an `Answer`; `effects_at` and `belongings_at` make mattes of it. The method is
docs/vlm_reasoners.md.
"""

from void_server.reasoners.vlm.affected import Effect, Grounder, as_boxes, belongings_at, effects_at
from void_server.reasoners.vlm.answer import Answer, Bounds, parse_answer
from void_server.reasoners.vlm.asking import Asked, Price, Usage
from void_server.reasoners.vlm.consent import Allowed, Permission, allowed
from void_server.reasoners.vlm.gemini import GeminiSettings, ask_gemini
from void_server.reasoners.vlm.keys import Key, read_key
from void_server.reasoners.vlm.openai import OpenaiSettings, ask_openai
from void_server.reasoners.vlm.prompt import PROMPT_VERSION
from void_server.reasoners.vlm.record import Record
from void_server.reasoners.vlm.request import PictureLimits, Question, question
from void_server.reasoners.vlm.schema import SCHEMA, Kind
from void_server.reasoners.vlm.wire import WireSettings

__all__ = [
    "PROMPT_VERSION",
    "SCHEMA",
    "Allowed",
    "Answer",
    "Asked",
    "Bounds",
    "Effect",
    "GeminiSettings",
    "Grounder",
    "Key",
    "Kind",
    "OpenaiSettings",
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
    "parse_answer",
    "question",
    "read_key",
]
