# SPDX-License-Identifier: Apache-2.0
"""An engine's fill brought back to the plate: the blend matte, the composite and the figures that judge
it.
"""
