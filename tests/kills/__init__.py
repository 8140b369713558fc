# SPDX-License-Identifier: Apache-2.0
"""`kill -9` of server, worker and client at random moments, seeded; `python -m tests.kills --help` for long runs."""
