# SPDX-License-Identifier: Apache-2.0
"""A private certificate authority and server certificates, so that a group can use TLS without one of its own."""

from __future__ import annotations

import ipaddress
import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from void_server.errors import InvalidInput, PreconditionFailed

CA_CERTIFICATE, CA_KEY = "ca.pem", "ca-key.pem"
SERVER_CERTIFICATE, SERVER_KEY = "server.pem", "server-key.pem"

CA_DAYS = 3650
"""Artists' machines hold the authority's certificate; it outlives several of the server's."""
SERVER_DAYS = 825
"""The longest life, of private authorities' certificates too, that macOS accepts (Apple, "Requirements for trusted
certificates in iOS 13 and macOS 10.15")."""
BACKDATED = timedelta(hours=1)
"""For clients whose clock is a little slow."""
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(
    r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


def make_certificates(out: Path, hosts: list[str], authority: Path | None = None) -> list[Path]:
    """Write a server's certificate and key into `out`; and a new authority's, unless an old one signs.

    Keys are ECDSA on P-256, files of mode 0600. Nothing is ever overwritten.

    Args:
        hosts: names and addresses under which clients reach the server.
        authority: folder of an earlier call, whose authority signs.

    Returns:
        the files that were written.

    Raises:
        InvalidInput: no host, or one that is neither name nor address; the authority's files do not fit together.
        PreconditionFailed: a file of that name is there.
    """
    names = [_subject_name(host) for host in hosts]
    if not names:
        raise InvalidInput("A certificate needs a host.", fix="Give the names of the server with --host.")
    wanted = [out / SERVER_CERTIFICATE, out / SERVER_KEY]
    if authority is None:
        wanted += [out / CA_CERTIFICATE, out / CA_KEY]
    for path in wanted:
        if path.exists():
            raise PreconditionFailed(
                f"{path} is there already and is not overwritten.", fix="Give another folder with --out."
            )
    ca, ca_key = _make_authority() if authority is None else _read_authority(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign(hosts[0], key, ca, ca_key, ExtendedKeyUsageOID.SERVER_AUTH, names)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    if authority is None:
        _write_new(out / CA_KEY, _key_bytes(ca_key), 0o600)
        _write_new(out / CA_CERTIFICATE, ca.public_bytes(serialization.Encoding.PEM), 0o644)
    _write_new(out / SERVER_KEY, _key_bytes(key), 0o600)
    _write_new(out / SERVER_CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return wanted


def make_client_certificate(out: Path, name: str, authority: Path) -> list[Path]:
    """Write NAME.pem and NAME-key.pem, by which a client proves itself to a server with `--tls-client-ca`.

    Args:
        name: for people only: what its bearer may do, its token says.
        authority: folder of an earlier call, whose authority signs.

    Returns:
        the files that were written.

    Raises:
        InvalidInput: the name cannot be a file's; the authority's files do not fit together.
        PreconditionFailed: a file of that name is there.
    """
    if not _CLIENT.fullmatch(name):
        raise InvalidInput(
            f"{name[:80]!r} cannot be the name of a certificate.",
            fix="Use letters, digits, dot, dash, underscore.",
        )
    wanted = [out / f"{name}.pem", out / f"{name}-key.pem"]
    for path in wanted:
        if path.exists():
            raise PreconditionFailed(
                f"{path} is there already and is not overwritten.", fix="Give another folder with --out."
            )
    ca, ca_key = _read_authority(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign(name, key, ca, ca_key, ExtendedKeyUsageOID.CLIENT_AUTH, None)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_new(wanted[1], _key_bytes(key), 0o600)
    _write_new(wanted[0], certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return wanted


def _make_authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "VOID server authority")])
    certificate = (
        _builder(name, name, key, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _sign(
    common_name: str,
    key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    purpose: x509.ObjectIdentifier,
    names: list[x509.GeneralName] | None,
) -> x509.Certificate:
    # A common name holds 64 characters (RFC 5280, ub-common-name); clients read the alternative names only.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    builder = _builder(subject, ca.subject, key, SERVER_DAYS)
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    begin = datetime.now(timezone.utc) - BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _subject_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise InvalidInput(
            f"{host[:80]!r} is neither a host name nor an address.", fix="Give it without a port."
        )
    return x509.DNSName(host)


def _read_authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate((folder / CA_CERTIFICATE).read_bytes())
        key = serialization.load_pem_private_key((folder / CA_KEY).read_bytes(), password=None)
        certificate.verify_directly_issued_by(certificate)
    except (OSError, ValueError, TypeError, InvalidSignature) as error:
        raise InvalidInput(
            f"The authority in {folder} cannot be read: {error}",
            fix=f"Give a folder with {CA_CERTIFICATE} and {CA_KEY}.",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise InvalidInput(f"{CA_CERTIFICATE} and {CA_KEY} in {folder} do not belong together.")
    if certificate.not_valid_after_utc < datetime.now(timezone.utc) + timedelta(days=SERVER_DAYS):
        raise InvalidInput(
            f"The authority in {folder} ends before a server's {SERVER_DAYS} days are over.",
            fix="Make a new one (leave --ca out) and hand its ca.pem to the artists.",
        )
    return certificate, key


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(mode)
