# SPDX-License-Identifier: Apache-2.0
"""The VOID inference server: gRPC front, durable job store, frame store and the workers that touch pixels."""
