# SPDX-License-Identifier: Apache-2.0
"""Looks at what a server shows to others: addresses, certificates; and at colour and site configuration."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import tomllib
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from void_server.doctor.check import Check, Subject, fail, ok, warn
from void_server.listening import is_loopback
from void_server.lock import holder
from void_server.plates.colour import DEFAULT_CONFIG, load_config

SOON = timedelta(days=60)
"""docs/group_server.md wants a certificate renewed by then."""
TCP_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
LISTENING = "0A"
"""State of a listening socket in these tables (include/net/tcp_states.h of Linux: TCP_LISTEN is 10)."""


def ports(subject: Subject) -> Iterator[Check]:
    """Whether the addresses can be bound, or who has them."""
    server = holder(subject.store / "lock")
    for name, listen in (("port", subject.listen), ("monitor's port", subject.monitor)):
        if not listen:
            continue
        if not is_loopback(listen) and (subject.certificate is None or subject.key is None):
            yield fail(
                name, f"{listen} is open to other machines, without TLS", "Give --tls-cert and --tls-key."
            )
        try:
            _bind(listen)
        except OSError as error:
            port = int(listen.rpartition(":")[2])
            pid = _listener(port)
            if pid is not None and pid == server:
                yield ok(name, f"{listen} is served by the server of this store (process {pid})")
            else:
                who = f"; process {pid} ({_program(pid)}) has it" if pid is not None else ""
                yield fail(
                    name, f"{listen}: {error.strerror}{who}", "End that program, or choose another address."
                )
        else:
            yield ok(name, f"{listen} is free")


def _bind(listen: str) -> None:
    host, _, port = listen.rpartition(":")
    family, kind, _, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trying.bind(address)
        trying.listen(1)


def _listener(port: int) -> int | None:
    """Process that listens on a port; None where it cannot be told (another account's, or not Linux)."""
    sockets = set()
    for table in TCP_TABLES:
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for fields in (line.split() for line in lines):
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{fields[9]}]")
    for folder in Path("/proc").glob("[0-9]*/fd") if sockets else ():
        try:
            if any(str(entry.readlink()) in sockets for entry in folder.iterdir()):
                return int(folder.parent.name)
        except OSError:
            continue
    return None


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "unknown"


def certificates(subject: Subject) -> Iterator[Check]:
    """Certificate and key: readable, of each other, a whole chain, in time, and the key nobody else's."""
    if subject.certificate is None and subject.key is None:
        yield ok("certificate", "none: this machine only")
        return
    if subject.certificate is None or subject.key is None:
        yield fail("certificate", "one of certificate and key is missing", "Give --tls-cert and --tls-key.")
        return
    chain = _read_chain(subject.certificate)
    yield _dates("certificate", chain[0])
    for lower, upper in pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except Exception as error:  # noqa: BLE001 - of several libraries, and each means the same
            said = f"{_name(lower)} is not signed by {_name(upper)}: {error or type(error).__name__}"
            yield fail("certificate chain", said, "Put the certificates in order, the server's own first.")
    yield _key(subject.key, chain[0])
    if subject.client_ca is not None:
        yield _dates("clients' authority", _read_chain(subject.client_ca)[0])


def _read_chain(path: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(path.read_bytes())


def _dates(name: str, found: x509.Certificate) -> Check:
    now = datetime.now(timezone.utc)
    first, last = found.not_valid_before_utc, found.not_valid_after_utc
    seen = f"{_name(found)}, until {last:%Y-%m-%d}"
    renew = "Make the next one: void-server certs --out NEW --ca FOLDER --host …, then restart the server."
    if now > last:
        return fail(name, f"{seen}: it has expired", renew)
    if now < first:
        return fail(name, f"{_name(found)} is valid from {first:%Y-%m-%d} on", "Is the clock right?")
    return warn(name, seen, renew) if now + SOON > last else ok(name, seen)


def _name(found: x509.Certificate) -> str:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return found.subject.rfc4514_string()
    return ", ".join(str(name.value) for name in names)


def _key(path: Path, certificate: x509.Certificate) -> Check:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    plain = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*plain) != certificate.public_key().public_bytes(*plain):
        return fail(
            "private key", f"{path} is not that of the certificate", "Give the pair that was made together."
        )
    if os.name != "nt" and path.stat().st_mode & 0o077:
        return fail("private key", f"others may read {path}", f"Run: chmod 600 {path}")
    return ok("private key", "that of the certificate, and nobody else may read it")


def colour(_subject: Subject) -> Iterator[Check]:
    """Whether the built-in OCIO config loads, and that of $OCIO, from which artists' jobs take theirs."""
    import PyOpenColorIO as ocio

    sources = [("OCIO built-in", DEFAULT_CONFIG)]
    if chosen := os.environ.get("OCIO"):
        sources.append(("OCIO of $OCIO", chosen))
    for name, source in sources:
        try:
            loaded = load_config(source)
        except Exception as error:  # noqa: BLE001 - the library has errors of its own
            yield fail(name, str(error)[:300], "Mend the config, or set $OCIO to another.")
            continue
        if loaded.hasRole(ocio.ROLE_SCENE_LINEAR):
            yield ok(name, f"{source}: {len(list(loaded.getColorSpaces()))} spaces")
        else:
            yield fail(name, f"{source} has no role scene_linear", "Add the role: log plates need it.")


def site(_subject: Subject) -> Iterator[Check]:
    """Whether the file of $VOID_SITE_CONFIG can be read; `void doctor` looks into it."""
    chosen = os.environ.get("VOID_SITE_CONFIG")
    if not chosen:
        yield ok("site config", "none: $VOID_SITE_CONFIG is not set")
        return
    try:
        found = tomllib.loads(Path(chosen).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        yield fail("site config", f"{chosen}: {error}", "Mend the file; every client stops at it too.")
    else:
        yield ok("site config", f"{chosen} sets {', '.join(found) or 'nothing'}")
