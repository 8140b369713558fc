# SPDX-License-Identifier: Apache-2.0
"""What a job costs beyond its pixels: the phases of a small one, and the units a second that can be recorded."""
