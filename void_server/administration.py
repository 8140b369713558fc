# SPDX-License-Identifier: Apache-2.0
"""The commands of `void-server` beside `serve`: tokens, certs, drain, health, backup, doctor, store, weights, mask,
verify, sign-key and openjd.

They work without a server, on the machine they are given; `store` goes through the server of its store where one runs.
"""

from __future__ import annotations

import argparse
import os
from datetime import datetime, timezone
from pathlib import Path

from void_server.access.audit import AuditLog
from void_server.access.principals import Role, check_shows
from void_server.access.tokens import add_token, read_tokens, revoke_token
from void_server.configuration import Limits, audit_file, named_tokens_file
from void_server.doctor import command as doctor
from void_server.errors import InvalidInput, PreconditionFailed
from void_server.farm import command as farm
from void_server.frames.durable import write_file
from void_server.masks import command as masks
from void_server.operations import backup, drain, health
from void_server.storage import command as storage
from void_server.verification import command as verification
from void_server.weights import command as weights

_TOKENS = """\
Hands out tokens, one for each artist. A running server takes changes up at once.

  artist       sees, cancels and deletes its own jobs
  supervisor   sees, watches, fetches, cancels and deletes the jobs of everybody

The store keeps a hash of each token only: a lost token cannot be shown again; revoke it and add a new one.
"""
_CERTS = """\
Makes a private authority (ca.pem, ca-key.pem) and a certificate for the server (server.pem, server-key.pem).

  void-server certs --out tls --host render01 --host render01.studio.lan --host 10.0.0.5
  void-server serve --tls-cert tls/server.pem --tls-key tls/server-key.pem …
  void … --ca tls/ca.pem

Hand ca.pem to the artists. Keep ca-key.pem away from the server: it is needed only to sign the next certificate
(void-server certs --out tls2 --ca tls --host …), and whoever has it can pose as the server.
"""


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to `void-server`.

    `run` of the parsed options takes them and the store's default folder; it returns the exit code, or None for 0.
    """
    raw = argparse.RawDescriptionHelpFormatter
    tokens = commands.add_parser(
        "tokens", help="hand out tokens", description=_TOKENS, formatter_class=raw
    ).add_subparsers(dest="action", required=True)
    add = tokens.add_parser("add", help="make a token for a name and print it once")
    add.add_argument("name", metavar="NAME", help="whose token it is; becomes the owner of its jobs")
    add.add_argument(
        "--role",
        choices=[r.value for r in Role],
        default=Role.ARTIST.value,
        help="what it may see (default %(default)s)",
    )
    add.add_argument(
        "--show",
        metavar="NAME[,NAME]",
        default="",
        help="it is for these shows only: jobs and roots of others do not exist for it (default: every show)",
    )
    add.add_argument(
        "--out", type=Path, metavar="FILE", help="write the token there, mode 0600, and do not print it"
    )
    add.set_defaults(run=_add)
    tokens.add_parser("list", help="names and roles").set_defaults(run=_list)
    revoke = tokens.add_parser("revoke", help="make the token of a name worthless at once")
    revoke.add_argument("name", metavar="NAME")
    revoke.set_defaults(run=_revoke)
    ending = drain.add_parser(commands)
    ending.set_defaults(run=_drain)
    asking = health.add_parser(commands)
    asking.set_defaults(run=_health)
    copying = backup.add_parser(commands)
    copying.set_defaults(run=_backup)
    for parser in (*tokens.choices.values(), ending, asking, copying):
        parser.add_argument(
            "--store", type=Path, metavar="DIR", help="the server's store (default: as `serve`)"
        )
    certs = commands.add_parser(
        "certs", help="make certificates for TLS", description=_CERTS, formatter_class=raw
    )
    certs.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    certs.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="name or address under which clients reach the server; repeatable",
    )
    certs.add_argument(
        "--client",
        metavar="NAME",
        default="",
        help="with --ca: make NAME.pem and NAME-key.pem for an artist instead, for servers with --tls-client-ca",
    )
    certs.add_argument(
        "--ca", type=Path, metavar="DIR", help="sign with the authority there instead of a new one"
    )
    certs.set_defaults(run=_certs)
    storage.add_parser(commands, own_store)
    doctor.add_parser(commands)
    weights.add_parser(commands)
    masks.add_parser(commands)
    verification.add_parsers(commands)
    farm.add_parsers(commands)


def _add(options: argparse.Namespace, default_store: Path) -> None:
    store = own_store(options, default_store)
    if options.out is not None and options.out.exists():
        raise PreconditionFailed(f"{options.out} is there already and is not overwritten.")
    shows = check_shows(options.show.split(",")) if options.show else None
    with _audit(store).attempt("console", "tokens add", options.name) as attempt:
        token = add_token(named_tokens_file(store), options.name, Role(options.role), shows)
        attempt.outcome = options.role
    if options.out is None:
        print(token)
    else:
        _hand_over(options.out, token, store, options.name)
        print(f"token of {options.name} ({options.role}): {options.out}")


def _hand_over(out: Path, token: str, store: Path, name: str) -> None:
    """Write the token for its bearer; take it back where that fails, so that none is valid that nobody has."""
    try:
        write_file(out, f"{token}\n".encode(), mode=0o600)
    except OSError:
        revoke_token(named_tokens_file(store), name)
        raise


def _list(options: argparse.Namespace, default_store: Path) -> None:
    for entry in read_tokens(named_tokens_file(own_store(options, default_store))):
        day = datetime.fromtimestamp(entry.created, timezone.utc).date()
        print(f"{entry.name:24} {entry.role.value:12} since {day}{_of_shows(entry.shows)}")


def _of_shows(shows: frozenset[str] | None) -> str:
    return "" if shows is None else f"  shows {', '.join(sorted(shows))}"


def _revoke(options: argparse.Namespace, default_store: Path) -> None:
    store = own_store(options, default_store)
    with _audit(store).attempt("console", "tokens revoke", options.name):
        revoke_token(named_tokens_file(store), options.name)
    print(f"The token of {options.name} is worthless now.")


def _drain(options: argparse.Namespace, default_store: Path) -> int:
    store = own_store(options, default_store)
    with _audit(store).attempt("console", "drain"):
        return drain.drain(store, options.wait, now=options.now)


def _health(options: argparse.Namespace, default_store: Path) -> int:
    token_file: Path = options.token_file or (options.store or default_store) / "token"
    ca = options.ca.read_bytes() if options.ca is not None else None
    serves, said = health.health(options.server, token_file.read_text(encoding="ascii").strip(), ca)
    print(said)
    return 0 if serves else 1


def _backup(options: argparse.Namespace, default_store: Path) -> None:
    store = own_store(options, default_store)
    with _audit(store).attempt("console", "backup"):
        added = backup.backup(store, options.folder, blobs=options.blobs, link=options.link)
    print(f"{options.folder}: database, manifests, tokens and audit log; {added} blobs were added")


def _certs(options: argparse.Namespace, _default_store: Path) -> None:
    from void_server.access.certificates import make_certificates, make_client_certificate

    if options.client:
        if options.ca is None:
            raise InvalidInput(
                "A client's certificate needs an authority that signs.", fix="Give it with --ca."
            )
        made = make_client_certificate(options.out, options.client, options.ca)
    else:
        made = make_certificates(options.out, options.host, options.ca)
    for path in made:
        print(path)


def _audit(store: Path) -> AuditLog:
    return AuditLog(audit_file(store), Limits.max_audit_bytes)


def own_store(options: argparse.Namespace, default: Path) -> Path:
    """The store that the options name, or the default one, if it is there and this account's.

    Raises:
        InvalidInput, PreconditionFailed: it is not.
    """
    store: Path = options.store or default
    if not (store / "void.sqlite3").exists():
        raise InvalidInput(
            f"There is no store at {store}.",
            fix="Start the server on it once, or give its folder with --store.",
        )
    if hasattr(os, "geteuid") and store.stat().st_uid != os.geteuid():
        raise PreconditionFailed(
            f"The store {store} belongs to another account, which could not read what is written here.",
            fix="Run this as the account that runs the server, such as: sudo -u void void-server …",
        )
    return store
