# SPDX-License-Identifier: Apache-2.0
"""The engine `void`: Netflix VOID on diffusers. What it is and how it was checked is docs/void_engine.md.

Nothing here is imported unless this engine is asked for: torch, diffusers and transformers come with the extra `void`.
"""
