# SPDX-License-Identifier: Apache-2.0
"""Segmenters: what an artist gives on some frames becomes a remove matte for every frame."""
