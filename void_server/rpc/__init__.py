# SPDX-License-Identifier: Apache-2.0
"""The gRPC front: translate, authorise, validate; no logic of its own."""
