# SPDX-License-Identifier: Apache-2.0
"""Real pixels joined with a model's small answer, on shots whose truth is known; no model runs."""
