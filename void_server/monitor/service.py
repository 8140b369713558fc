# SPDX-License-Identifier: Apache-2.0
"""The monitor of a server: front and desk, put together."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from void_server.access.audit import AuditLog
from void_server.access.refusals import Refusals
from void_server.access.tokens import TokenBook
from void_server.errors import InvalidInput
from void_server.frames.blobs import BlobFolder
from void_server.jobs.database import Database
from void_server.jobs.store import JobStore
from void_server.jobs.visibility import Visibility
from void_server.monitor.desk import Desk
from void_server.monitor.front import Front
from void_server.monitor.views import Estimate, no_estimate


class Monitor:
    """Serves the page on `listen`; see `Desk` for the other arguments.

    Args:
        listen: HOST:PORT.
        tls: as `tls_files` gave it.
        max_connections: limit `max_monitor_connections`; half of them may wait for news.

    Raises:
        PreconditionFailed: the address cannot be bound.
    """

    def __init__(
        self,
        listen: str,
        *,
        loopback: bool,
        tls: tuple[Path, Path] | None,
        max_connections: int,
        store: JobStore,
        database: Database,
        blobs: BlobFolder,
        visible: Visibility,
        tokens: TokenBook,
        audit: AuditLog,
        refusals: Refusals,
        version: str,
        activity: AbstractContextManager[None],
        stopping: threading.Event,
        notice: Callable[[], str],
        figures: Callable[[str], tuple[bytes, str]],
        estimate: Callable[[str], Estimate] = no_estimate,
    ) -> None:
        desk = Desk(
            store=store,
            database=database,
            blobs=blobs,
            visible=visible,
            tokens=tokens,
            audit=audit,
            refusals=refusals,
            version=version,
            activity=activity,
            stopping=stopping,
            notice=notice,
            loopback=loopback,
            secure=tls is not None,
            most_waiting=max_connections // 2,
            figures=figures,
            estimate=estimate,
        )
        self._front = Front(listen, desk.answer, _context(tls), max_connections)
        desk.open_for(self._front.server_address[1])
        self.url = f"{'https' if tls else 'http'}://{self._front.address}/"

    def connections(self) -> int:
        """Those that are open."""
        return self._front.connections()

    def start(self) -> None:
        """Begin to serve."""
        self._front.start()

    def stop(self) -> None:
        """End; returns when nothing is being answered any more."""
        self._front.stop()


def tls_files(
    listen: str, *, loopback: bool, certificate: Path | None, key: Path | None
) -> tuple[Path, Path] | None:
    """Certificate and key of the monitor, those of the server; None without.

    Raises:
        InvalidInput: the address is open to other machines and there is no certificate.
    """
    if certificate is not None and key is not None:
        return certificate, key
    if listen and not loopback:
        raise InvalidInput(
            f"The monitor's address {listen} can be reached from other machines, and without TLS tokens and stills"
            " would travel in the clear.",
            fix="Give --tls-cert and --tls-key, or --monitor 127.0.0.1:7789 and a tunnel.",
        )
    return None


def _context(tls: tuple[Path, Path] | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(*tls)
    return context
