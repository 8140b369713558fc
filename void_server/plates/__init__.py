# SPDX-License-Identifier: Apache-2.0
"""EXR in and out: headers under limits, native samples, plates, mattes, results, digests, colour and
encodings.
"""
