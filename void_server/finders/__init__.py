# SPDX-License-Identifier: Apache-2.0
"""What finds an object that only words name: a few boxes around it, for a segmenter to go on from."""

from void_server.finders.phrases import named_phrases, noun_phrases
from void_server.finders.protocol import Finder, Found, FoundBox, FoundObject

__all__ = ["Finder", "Found", "FoundBox", "FoundObject", "named_phrases", "noun_phrases"]
