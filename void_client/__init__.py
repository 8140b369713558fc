# SPDX-License-Identifier: Apache-2.0
"""The light client of a VOID server: transfer, jobs, the `void` command; grpcio and protobuf suffice."""
