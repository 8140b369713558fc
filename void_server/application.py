# SPDX-License-Identifier: Apache-2.0
"""A running server: store, pool, runner and gRPC front, put together and taken apart in order."""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import grpc
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
from void_server.configuration import Limits, ServerConfiguration, audit_file, named_tokens_file
from void_server.errors import InvalidInput, PreconditionFailed
from void_server.frames.blobs import BlobFolder
from void_server.frames.durable import write_file
from void_server.frames.filesystems import check_local
from void_server.frames.looks import Looks
from void_server.frames.roots import Roots
from void_server.frames.uploads import Uploads
from void_server.jobs.database import open_or_set_aside
from void_server.jobs.estimates import Estimates
from void_server.jobs.history import History
from void_server.jobs.runner import Runner
from void_server.jobs.store import JobStore
from void_server.jobs.visibility import Visibility
from void_server.lock import LockFile, LockHeld
from void_server.monitor.service import Monitor, tls_files
from void_server.pool.local import LocalPool
from void_server.rpc.auth import Activity, TokenInterceptor
from void_server.rpc.chunks import upload_chunk
from void_server.rpc.frame_store import MAX_CHUNK_BYTES, FrameStore
from void_server.rpc.health import Health
from void_server.rpc.idle import IdleInterceptor
from void_server.rpc.jobs import Jobs
from void_server.rpc.long_calls import LongCalls
from void_server.rpc.masks import Masks
from void_server.rpc.parsing import ParsingInterceptor, RequestLimit
from void_server.rpc.server_info import Server
from void_server.rpc.validate import Validator
from void_server.signing import signer

log = logging.getLogger(__name__)

VERSION = version("void-for-hosts")
MAX_MESSAGE_BYTES = 32 << 20
MAX_ORDER_BYTES = 24 << 20
"""Of Submit and Preflight; one of 10,000 frames with five inputs by path has about 20 MB. The rest of a message, 800
bytes for each of these frames, is for what Submit and Get answer besides the order: outputs and findings."""
SPEC_BYTES_PER_FRAME, SPEC_PARTS_PER_FRAME = 3200, 20
"""Of an order: six inputs, each with a file, its path and its stamp: three messages; a digest, a file name and a path
of up to 200 bytes each, and what the format adds."""
SHORT_CALL_THREADS = 64
"""Threads beside those that long calls may hold (limit `max_watches`)."""
STOP_GRACE_SECONDS = 5.0


class Application:
    """One server on one store.

    Raises:
        PreconditionFailed: another server has the store, or the address cannot be bound.
        InvalidInput: the configuration is not safe or not complete.
    """

    def __init__(self, configuration: ServerConfiguration) -> None:
        self._configuration = configuration
        self._stopping = threading.Event()
        credentials = _credentials(configuration)
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
        self._pool = LocalPool(
            worker_command(configuration), configuration.workers, limits.unit_timeout_seconds
        )
        # A worker of its own for clicks, started by the first: no job's long step keeps one waiting.
        self._previews = LocalPool(worker_command(configuration), 1, limits.unit_timeout_seconds)
        capabilities = self._pool.submit({"do": "capabilities"}).result()
        history = History(self._database)
        self._runner = Runner(
            self._jobs,
            self._blobs,
            roots,
            self._looks,
            self._pool,
            capabilities["stages"],
            history,
            sign=sign,
        )
        estimates = Estimates(
            self._jobs, history, capabilities["stages"], configuration.workers, self._pool.load
        )
        self._activity = Activity()
        long_calls = LongCalls(limits.max_watches)
        self._health = Health(("", *_service_names()), long_calls)
        refusals = Refusals(limits.max_refusals, limits.max_refusals_overall, limits.refusal_window_seconds)
        self._idle = IdleInterceptor(limits.idle_stream_seconds)
        self._server = grpc.server(
            ThreadPoolExecutor(SHORT_CALL_THREADS + limits.max_watches, thread_name_prefix="rpc"),
            interceptors=[
                TokenInterceptor(tokens, self._activity, audit, refusals),
                self._idle,
                ParsingInterceptor(_request_limits(limits), limits.max_request_bytes),
            ],
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),
                # gRPC measures a link with pings and by itself gives up a connection that answers none for a minute. On
                # a slow one the answer waits behind megabytes of frames; what is too long is our own limit to say.
                ("grpc.http2.ping_timeout_ms", min(1000 * limits.idle_stream_seconds, 2**31 - 1)),
            ],
        )
        uploads = Uploads(self._blobs, limits.max_blob_bytes)
        validator = Validator(limits, capabilities)
        frames_pb2_grpc.add_FrameStoreServicer_to_server(
            FrameStore(self._blobs, roots, uploads, self._pool, visible, audit, limits.idle_stream_seconds),
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
                estimates,
            ),
            self._server,
        )
        masks_pb2_grpc.add_MasksServicer_to_server(Masks(self._blobs, self._previews, visible), self._server)
        server_pb2_grpc.add_ServerServicer_to_server(
            Server(VERSION, configuration.workers, limits, capabilities, roots), self._server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(_service_names(), self._server)
        self.address = self._bind(credentials)
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
                estimate=lambda job_id: estimates.of(job_id).at(time.time()),
            )
        self.monitor_url = self._monitor.url if self._monitor is not None else ""

    def start(self) -> None:
        """Take up interrupted jobs and begin to serve."""
        for job_id in self._jobs.restore():
            log.warning("job %s was taken from its manifest", job_id)
        for job_id in self._jobs.recover():
            log.info("job %s goes on where it was interrupted", job_id)
        self._runner.start()
        self._server.start()
        if self._monitor is not None:
            self._monitor.start()
            log.info("monitor page on %s", self.monitor_url)
        for name in ("", *_service_names()):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        if self._configuration.endpoint_file is not None:
            self._write_endpoint()
        log.info("serving on %s with %d workers", self.address, self._configuration.workers)

    def wait(self) -> None:
        """Return when the server is asked to stop, or has been idle for long enough."""
        limit = self._configuration.idle_seconds
        while not self._stopping.wait(0.5):
            if limit and self._activity.idle_seconds() > limit and not self._jobs.live_jobs():
                log.info("idle for %.0f s, ending", limit)
                return

    def request_stop(self) -> None:
        """Make `wait` return; safe in a signal handler."""
        self._stopping.set()

    def stop(self) -> None:
        """End in order: no new calls, running jobs left between two units, workers ended, files closed."""
        if self._configuration.endpoint_file is not None:
            self._configuration.endpoint_file.unlink(missing_ok=True)
        self._stopping.set()
        self._health.enter_graceful_shutdown()
        self._idle.close()
        if self._monitor is not None:
            self._monitor.stop()
        self._server.stop(STOP_GRACE_SECONDS).wait()
        self._runner.stop()
        self._looks.close()
        self._previews.close()
        self._pool.close()
        self._database.close()
        self._lock.release()

    def worker_pids(self) -> list[int]:
        """Process ids of the running workers."""
        return self._pool.pids()

    def _bind(self, credentials: grpc.ServerCredentials | None) -> str:
        host, _, _ = self._configuration.listen.rpartition(":")
        try:
            if credentials is None:
                port = self._server.add_insecure_port(self._configuration.listen)
            else:
                port = self._server.add_secure_port(self._configuration.listen, credentials)
        except RuntimeError as error:
            raise PreconditionFailed(
                f"The address {self._configuration.listen} cannot be bound: {error}",
                fix="Another program uses it, or the host is not this machine's; choose another with --listen.",
            ) from error
        return f"{host}:{port}"

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


def worker_command(configuration: ServerConfiguration) -> list[str]:
    """What starts one worker process."""
    limits = configuration.limits
    command = [sys.executable, "-m", "void_server.pool.worker", "--store", str(configuration.store)]
    for flag, value in (
        ("--memory-bytes", limits.worker_memory_bytes),
        ("--cache-bytes", limits.worker_cache_bytes),
        ("--min-free-bytes", limits.min_free_bytes),
        ("--max-pixels", limits.max_pixels),
        ("--max-channels", limits.max_channels),
    ):
        command += [flag, str(value)]
    if configuration.workers > 1:
        command.append("--shared-gpu")
    if configuration.vlm is not None:
        command += ["--vlm", str(configuration.vlm)]
    return command + Roots(configuration.roots).arguments()


def is_loopback(listen: str) -> bool:
    """Whether HOST:PORT can be reached from this machine only."""
    host = listen.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _credentials(configuration: ServerConfiguration) -> grpc.ServerCredentials | None:
    certificate, key = configuration.tls_certificate, configuration.tls_key
    if certificate is not None and key is not None:
        if os.name != "nt" and key.stat().st_mode & 0o007:
            raise InvalidInput(f"Every account may read the private key {key}.", fix=f"Run: chmod 600 {key}")
        pair, authority = [(key.read_bytes(), certificate.read_bytes())], configuration.tls_client_ca
        if authority is None:
            return grpc.ssl_server_credentials(pair)
        if b"-----BEGIN CERTIFICATE" not in (pem := authority.read_bytes()):
            raise InvalidInput(f"{authority} holds no certificate.", fix="Give the authority's ca.pem.")
        return grpc.ssl_server_credentials(pair, root_certificates=pem, require_client_auth=True)
    if configuration.tls_client_ca is not None:
        raise InvalidInput("--tls-client-ca is for TLS only.", fix="Give --tls-cert and --tls-key too.")
    if certificate is not None or key is not None:
        raise InvalidInput("TLS needs both --tls-cert and --tls-key.")
    if not is_loopback(configuration.listen):
        raise InvalidInput(
            f"{configuration.listen} can be reached from other machines, and without TLS the token and the frames"
            " would travel in the clear.",
            fix="Give --tls-cert and --tls-key, or listen on 127.0.0.1.",
        )
    return None


def _lock_store(configuration: ServerConfiguration) -> LockFile:
    try:
        configuration.store.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name != "nt" and configuration.store.stat().st_mode & 0o007:
            log.warning("others may enter the store; run: chmod 700 %s", configuration.store)
        return LockFile(configuration.store / "lock")
    except LockHeld:
        raise PreconditionFailed(
            f"Another server uses the store {configuration.store}.",
            fix="Stop it, or give another folder with --store.",
        ) from None
    except OSError as error:
        raise PreconditionFailed(
            f"The store {configuration.store} cannot be written to: {error.strerror or error}.",
            fix="Make the folder writable for the server's user, or give another with --store.",
        ) from error


def _request_limits(limits: Limits) -> dict[str, RequestLimit]:
    """Methods that take more than `void_server.rpc.parsing.MAX_REQUEST_BYTES` in a message."""
    order = min(MAX_ORDER_BYTES, limits.max_request_bytes + limits.max_frames * SPEC_BYTES_PER_FRAME)
    parts = limits.max_frames * SPEC_PARTS_PER_FRAME
    return {
        "/void.v1.Jobs/Submit": RequestLimit(order, jobs_pb2.SubmitRequest.DESCRIPTOR, parts),
        "/void.v1.Jobs/Preflight": RequestLimit(order, jobs_pb2.PreflightRequest.DESCRIPTOR, parts),
        "/void.v1.FrameStore/Upload": RequestLimit(2 * MAX_CHUNK_BYTES, quick=upload_chunk),
    }


def _service_names() -> tuple[str, ...]:
    files = (frames_pb2, jobs_pb2, masks_pb2, server_pb2)
    names = [s.full_name for f in files for s in f.DESCRIPTOR.services_by_name.values()]
    return (*names, health.SERVICE_NAME, reflection.SERVICE_NAME)
