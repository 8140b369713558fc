# SPDX-License-Identifier: Apache-2.0
"""The command `void-server doctor`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from void_server.configuration import Limits
from void_server.doctor.check import Check, Look, Result, Subject, examine
from void_server.frames.roots import add_root_option

_DESCRIPTION = """\
Looks at all that a server needs: Python and packages, GPU, PyTorch, weights, store and disk, database, tokens,
addresses, certificates, colour configs and roots. Give the options that `serve` gets. Changes nothing, and may run
beside a server.

exit codes: 0 nothing failed, 1 something failed
"""
BESIDE = Path(__file__).parents[2] / "constraints.txt"
"""In a checkout; an installed package does not have it."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void-server`."""
    parser = commands.add_parser(
        "doctor",
        help="look whether all is well with a server's machine, store, certificates and roots",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", type=Path, metavar="DIR", help="the server's store (default: as `serve`)")
    parser.add_argument("--listen", default="127.0.0.1:7788", metavar="HOST:PORT", help="default %(default)s")
    parser.add_argument("--monitor", default="", metavar="HOST:PORT", help="address of the monitor page")
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate chain")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="private key")
    parser.add_argument(
        "--tls-client-ca", type=Path, metavar="PEM", help="authority of the clients' certificates"
    )
    parser.add_argument(
        "--min-free-bytes", type=int, default=Limits.min_free_bytes, metavar="BYTES", help="as `serve`"
    )
    parser.add_argument(
        "--constraints",
        type=Path,
        default=BESIDE if BESIDE.exists() else None,
        metavar="FILE",
        help="exact versions to compare packages with (default: constraints.txt of the checkout)",
    )
    parser.add_argument("--deep", action="store_true", help="read every byte of the weights (minutes)")
    parser.add_argument("--json", action="store_true", help="one JSON array of objects")
    add_root_option(parser)
    parser.set_defaults(run=_run)


def looks() -> tuple[Look, ...]:
    """All of them, in the order of the table. Loaded late: no other command needs what they import."""
    from void_server.doctor import front, machine, storage

    return (
        machine.python,
        machine.packages,
        machine.clock,
        machine.graphics,
        machine.weights,
        machine.ffmpeg,
        storage.store,
        storage.disk,
        storage.database,
        storage.tokens,
        storage.roots,
        front.ports,
        front.certificates,
        front.colour,
        front.site,
    )


def table(checks: Iterable[Check]) -> str:
    """A line for each, and below it what to do."""
    lines = []
    for check in checks:
        lines.append(f"{check.result.value:5} {check.name:18} {check.seen}")
        lines += [f"{'':24} -> {check.fix}"] if check.fix else []
    return "\n".join(lines)


def _run(options: argparse.Namespace, default_store: Path) -> int:
    subject = Subject(
        store=options.store or default_store,
        listen=options.listen,
        monitor=options.monitor,
        certificate=options.tls_cert,
        key=options.tls_key,
        client_ca=options.tls_client_ca,
        roots=dict(options.root),
        limits=Limits(min_free_bytes=options.min_free_bytes),
        constraints=options.constraints,
        deep=options.deep,
    )
    checks = examine(subject, looks())
    print(json.dumps([asdict(c) for c in checks], indent=1) if options.json else table(checks))
    return 1 if any(check.result is Result.FAIL for check in checks) else 0
