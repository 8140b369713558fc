# SPDX-License-Identifier: Apache-2.0
"""Where a server listens: on loopback, or elsewhere with TLS only."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

import grpc

from void_server.configuration import ServerConfiguration
from void_server.errors import InvalidInput, PreconditionFailed


def is_loopback(listen: str) -> bool:
    """Whether HOST:PORT can be reached from this machine only."""
    host = listen.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def server_credentials(configuration: ServerConfiguration) -> grpc.ServerCredentials | None:
    """Certificate and key of a server, and whose clients it knows; None = no TLS, which is for loopback alone.

    Raises:
        InvalidInput: something is missing or cannot be read, or others may read the key.
    """
    certificate, key = configuration.tls_certificate, configuration.tls_key
    if certificate is not None and key is not None:
        pair, authority = [(_read(key), _read(certificate))], configuration.tls_client_ca
        if os.name != "nt" and key.stat().st_mode & 0o007:
            raise InvalidInput(f"Every account may read the private key {key}.", fix=f"Run: chmod 600 {key}")
        if authority is None:
            return grpc.ssl_server_credentials(pair)
        if b"-----BEGIN CERTIFICATE" not in (pem := _read(authority)):
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


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be read: {error.strerror}.",
            fix="Certificate and key must be there, and readable for the server's own account.",
        ) from error


def bind(server: grpc.Server, listen: str, credentials: grpc.ServerCredentials | None) -> str:
    """Bind a server to HOST:PORT; returns the address with the port that port 0 found.

    Raises:
        PreconditionFailed: it cannot be bound.
    """
    host, _, _ = listen.rpartition(":")
    try:
        if credentials is None:
            return f"{host}:{server.add_insecure_port(listen)}"
        return f"{host}:{server.add_secure_port(listen, credentials)}"
    except RuntimeError as error:
        raise PreconditionFailed(
            f"The address {listen} cannot be bound: {error}",
            fix="Another program uses it, or the host is not this machine's; choose another with --listen.",
        ) from error
