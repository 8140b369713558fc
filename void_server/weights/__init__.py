# SPDX-License-Identifier: Apache-2.0
"""The model weights on disk: which files, where they lie, whether they are whole, and how they get there.

Nothing here opens a model: safetensors files are judged by their header and their digest, `.pt` files by their digest.
"""
