# SPDX-License-Identifier: Apache-2.0
"""The reasoners `gemini` and `openai`: a vision-language model says what the subject did to the scene, and where."""
