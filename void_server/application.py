# SPDX-License-Identifier: Apache-2.0
"""A running server: store, pool, runner and gRPC front, put together and taken apart in order."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import grpc
import prometheus_client
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from void.v1 import (
    frames_pb2,
    frames_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    masks_pb2,
    masks_pb2_grpc,
    server_pb2,
    server_pb2_grpc,
)

from void_server.access.audit import AuditLog
from void_server.access.refusals import Refusals
from void_server.access.tokens import TokenBook, read_or_create_token
from void_server.configuration import ServerConfiguration, audit_file, named_tokens_file
from void_server.errors import PreconditionFailed, StoreFull
from void_server.frames.blobs import BlobFolder
from void_server.frames.durable import write_file
from void_server.frames.filesystems import check_local
from void_server.frames.looks import Looks
from void_server.frames.roots import Roots
from void_server.frames.storage_errors import storage_error
from void_server.frames.uploads import Uploads
from void_server.jobs.database import open_or_set_aside
from void_server.jobs.estimates import Estimates
from void_server.jobs.history import History
from void_server.jobs.runner import Runner
from void_server.jobs.store import JobStore
from void_server.jobs.visibility import Visibility
from void_server.listening import bind, is_loopback, server_credentials
from void_server.lock import LockFile, LockHeld
from void_server.metrics.figures import Figures
from void_server.metrics.standing import Sources, Standing
from void_server.metrics.store_size import StoreSizes
from void_server.monitor.service import Monitor, tls_files
from void_server.operations import systemd
from void_server.rpc import keepalive
from void_server.rpc.auth import Activity, TokenInterceptor
from void_server.rpc.frame_store import FrameStore
from void_server.rpc.health import Health
from void_server.rpc.idle import IdleInterceptor
from void_server.rpc.jobs import Jobs
from void_server.rpc.long_calls import LongCalls
from void_server.rpc.masks import Masks
from void_server.rpc.measuring import MeasuringInterceptor
from void_server.rpc.parsing import ParsingInterceptor
from void_server.rpc.request_limits import MAX_MESSAGE_BYTES, request_limits
from void_server.rpc.server_info import Server
from void_server.rpc.validate import Validator
from void_server.signing import signer
from void_server.storage.door import Door
from void_server.storage.policy import KeepPolicy
from void_server.storage.requests import answer
from void_server.storage.service import Storage
from void_server.workers import start_pools

log = logging.getLogger(__name__)

VERSION = version("void-for-hosts")
SHORT_CALL_THREADS = 64
"""Threads beside those that long calls may hold (limit `max_watches`)."""
STOP_GRACE_SECONDS = 5.0
POLL_SECONDS = 0.1
_CONTRACT = tuple(
    service
    for file in (frames_pb2, jobs_pb2, masks_pb2, server_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
)


class Application:
    """One server on one store.

    Raises:
        PreconditionFailed: another server has the store, or the address cannot be bound.
        InvalidInput: the configuration is not safe or not complete.
    """

    def __init__(self, configuration: ServerConfiguration) -> None:
        self._configuration = configuration
        self._stopping, self._draining = threading.Event(), threading.Event()
        self._asked = 0
        credentials = server_credentials(configuration)
        sign = signer(configuration.signing_key)
        monitor_tls = tls_files(
            configuration.monitor,
            loopback=is_loopback(configuration.monitor),
            certificate=configuration.tls_certificate,
            key=configuration.tls_key,
        )
        limits = configuration.limits
        roots = Roots(configuration.roots, limits.max_blob_bytes, configuration.root_shows)
        self._looks = Looks()
        check_local(configuration.store)
        self._lock = _lock_store(configuration)
        tokens = TokenBook(
            read_or_create_token(configuration.token_file), named_tokens_file(configuration.store)
        )
        audit = AuditLog(audit_file(configuration.store), limits.max_audit_bytes)
        self._blobs = BlobFolder(configuration.store, limits.min_free_bytes)
        self._blobs.clear_scratch()
        self._database, damaged = open_or_set_aside(configuration.store / "void.sqlite3")
        if damaged is not None:
            log.error("the damaged database is kept as %s; jobs are taken from their manifests", damaged)
        self._jobs = JobStore(self._database)
        visible = Visibility(self._database, limits.max_owner_bytes)
        self._pool, self._previews = start_pools(configuration)
        capabilities = self._pool.submit({"do": "capabilities"}).result()
        history = History(self._database)
        figures = Figures()
        self._runner = Runner(
            self._jobs,
            self._blobs,
            roots,
            self._looks,
            self._pool,
            capabilities["stages"],
            history,
            sign=sign,
            figures=figures,
        )
        estimates = Estimates(
            self._jobs, history, capabilities["stages"], lambda: self._pool.workers, self._pool.load
        )
        self._activity = Activity()
        long_calls = LongCalls(limits.max_watches)
        self._health = Health(("", *_service_names()), long_calls)
        refusals = Refusals(limits.max_refusals, limits.max_refusals_overall, limits.refusal_window_seconds)
        self._idle = IdleInterceptor(limits.idle_stream_seconds)
        self._server = grpc.server(
            ThreadPoolExecutor(SHORT_CALL_THREADS + limits.max_watches, thread_name_prefix="rpc"),
            interceptors=[
                MeasuringInterceptor(figures),
                TokenInterceptor(tokens, self._activity, audit, refusals),
                self._idle,
                ParsingInterceptor(request_limits(limits), limits.max_request_bytes),
            ],
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),
                *keepalive.options(limits.idle_stream_seconds),
            ],
        )
        uploads = Uploads(self._blobs, limits.max_blob_bytes, limits.silent_upload_seconds)
        self.storage = Storage(self._database, self._blobs, uploads, self._jobs, KeepPolicy.of(limits))
        validator = Validator(limits, capabilities)
        frames_pb2_grpc.add_FrameStoreServicer_to_server(
            FrameStore(
                self._blobs, roots, uploads, self._pool, visible, audit, limits.idle_stream_seconds, figures
            ),
            self._server,
        )
        jobs_pb2_grpc.add_JobsServicer_to_server(
            Jobs(
                self._jobs,
                self._runner,
                self._blobs,
                roots,
                self._looks,
                visible,
                validator,
                limits,
                long_calls,
                audit,
                self._stopping,
                self._draining,
                estimates,
            ),
            self._server,
        )
        masks_pb2_grpc.add_MasksServicer_to_server(Masks(self._blobs, self._previews, visible), self._server)
        server_pb2_grpc.add_ServerServicer_to_server(
            Server(VERSION, lambda: self._pool.workers, limits, capabilities, roots), self._server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(_service_names(), self._server)
        self.address = bind(self._server, configuration.listen, credentials)
        self._monitor = None
        if configuration.monitor:
            self._monitor = Monitor(
                configuration.monitor,
                loopback=is_loopback(configuration.monitor),
                tls=monitor_tls,
                max_connections=limits.max_monitor_connections,
                store=self._jobs,
                database=self._database,
                blobs=self._blobs,
                visible=visible,
                tokens=tokens,
                audit=audit,
                refusals=refusals,
                version=VERSION,
                activity=self._activity,
                stopping=self._stopping,
                notice=self._notice,
                figures=figures.text,
                estimate=lambda job_id: estimates.of(job_id).at(time.time()),
            )
        self.monitor_url = self._monitor.url if self._monitor is not None else ""
        self._sizes = StoreSizes(configuration.store)
        figures.begin(_method_names(), capabilities["stages"])
        self._show_standing(figures, long_calls, refusals)
        self._store_door = Door(configuration.store, lambda request: answer(self.storage, audit, request))

    def _notice(self) -> str:
        """What the monitor tells everybody."""
        if self._draining.is_set():
            return "The server is about to end; it takes no more jobs."
        if not self._pool.workers:
            return "There is no worker: all jobs wait for one. The server's log says why."
        return ""

    def start(self) -> None:
        """Take up interrupted jobs and begin to serve."""
        for job_id in self._jobs.restore():
            log.warning("job %s was taken from its manifest", job_id)
        for job_id in self._jobs.recover():
            log.info("job %s goes on where it was interrupted", job_id)
        self._runner.start()
        self.storage.start()
        self._server.start()
        if self._monitor is not None:
            self._sizes.start()
            self._monitor.start()
            log.info("monitor page on %s", self.monitor_url)
        for name in ("", *_service_names()):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        if self._configuration.endpoint_file is not None:
            self._write_endpoint()
        log.info("serving on %s with %d workers", self.address, self._pool.workers)

    def wait(self) -> None:
        """Return when the server was asked to stop and its units in hand have ended, or it was idle for long enough."""
        limit = self._configuration.idle_seconds
        while not self._asked:
            time.sleep(POLL_SECONDS)
            if limit and self._activity.idle_seconds() > limit and not self._jobs.live_jobs():
                log.info("idle for %.0f s, ending", limit)
                return
        self._drain()

    def request_stop(self) -> None:
        """Begin to end; asked again, end at once. Safe in a signal handler."""
        self._asked += 1

    def _drain(self) -> None:
        """Take no more jobs, and let units in hand end, for `drain_seconds` or until asked again.

        Those that keep what they did are left there; what has not ended then is computed again by the next server.
        """
        seconds = self._configuration.drain_seconds
        log.info("asked to end: no more jobs are taken, and units in hand have %.0f s", seconds)
        systemd.tell(systemd.STOPPING)
        self._draining.set()
        self._health.enter_graceful_shutdown()
        self._pool.drain()
        self._runner.leave()
        until = time.monotonic() + seconds
        while (left := self._runner.at_work() or self._pool.busy() > 0) and self._asked < 2:
            if time.monotonic() > until:
                break
            time.sleep(POLL_SECONDS)
        if left:
            log.warning("units in hand are given up; the next server computes them again")
            self._pool.kill()
            self._pool.close()

    def stop(self) -> None:
        """End in order: no new calls, running jobs left between two units, workers ended, files closed."""
        if self._configuration.endpoint_file is not None:
            self._configuration.endpoint_file.unlink(missing_ok=True)
        self._draining.set()
        self._stopping.set()
        self._health.enter_graceful_shutdown()
        self._idle.close()
        if self._monitor is not None:
            self._monitor.stop()
        self._server.stop(STOP_GRACE_SECONDS if self._asked < 2 else 0).wait()
        self._store_door.close()
        self._runner.stop()
        self.storage.stop()
        self._sizes.close()
        self._looks.close()
        # Nobody waits for previews any more.
        if self._previews is not self._pool:
            self._previews.kill()
            self._previews.close()
        self._pool.close()
        self._database.close()
        self._lock.release()

    def worker_pids(self) -> list[int]:
        """Process ids of the running workers."""
        return self._pool.pids()

    def _show_standing(self, figures: Figures, long_calls: LongCalls, refusals: Refusals) -> None:
        """Let a scrape ask how the server stands."""
        monitor, pool = self._monitor, self._pool
        sources = Sources(
            version=VERSION,
            limits=self._configuration.limits,
            store=self._configuration.store,
            database=self._database.path,
            workers=lambda: {"all": pool.workers, "busy": pool.busy()},
            waiting=pool.waiting,
            size=lambda: self._sizes.latest,
            open=lambda: {
                "long_calls": long_calls.open,
                "monitor_connections": monitor.connections() if monitor is not None else 0,
            },
            refusals=refusals.since_start,
            ended=self._jobs.ended,
            draining=self._draining.is_set,
        )
        figures.registry.register(Standing(sources))
        prometheus_client.ProcessCollector(registry=figures.registry)

    def _write_endpoint(self) -> None:
        endpoint = {
            "address": self.address,
            "pid": os.getpid(),
            "token_file": str(self._configuration.token_file),
            "blobs": str(self._blobs.folder),
            "version": VERSION,
            "started": time.time(),
        }
        if self._configuration.endpoint_file is not None:
            write_file(self._configuration.endpoint_file, json.dumps(endpoint).encode(), mode=0o600)


def _lock_store(configuration: ServerConfiguration) -> LockFile:
    try:
        configuration.store.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name != "nt" and configuration.store.stat().st_mode & 0o007:
            log.warning("others may enter the store; run: chmod 700 %s", configuration.store)
        lock = LockFile(configuration.store / "lock")
        lock.tell_process()
        return lock
    except LockHeld:
        raise PreconditionFailed(
            f"Another server uses the store {configuration.store}.",
            fix="Stop it, or give another folder with --store.",
        ) from None
    except OSError as error:
        if isinstance(full := storage_error(error), StoreFull):
            raise full from error
        raise PreconditionFailed(
            f"The store {configuration.store} cannot be written to: {error.strerror or error}.",
            fix="Make the folder writable for the server's user, or give another with --store.",
        ) from error


def _service_names() -> tuple[str, ...]:
    return (*(s.full_name for s in _CONTRACT), health.SERVICE_NAME, reflection.SERVICE_NAME)


def _method_names() -> list[str]:
    """Every call of the contract, such as `void.v1.Jobs/Submit`."""
    return [f"{s.full_name}/{m.name}" for s in _CONTRACT for m in s.methods]
