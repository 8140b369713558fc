# SPDX-License-Identifier: Apache-2.0
"""The segmenter flow measured on shots whose object mattes are known."""
