# SPDX-License-Identifier: Apache-2.0
"""The command `void-server`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from dataclasses import fields
from pathlib import Path

from void_server import logs
from void_server.access.principals import check_shows
from void_server.administration import add_parsers
from void_server.allocator import keep_message_memory
from void_server.application import VERSION, Application
from void_server.configuration import DRAIN_SECONDS, Limits, ServerConfiguration, default_workers
from void_server.data_folder import data_folder
from void_server.errors import InvalidInput, VoidError
from void_server.frames.roots import add_root_option, supported
from void_server.lock import LockFile, LockHeld
from void_server.operations import systemd
from void_server.pool.ray_options import add_ray_options, ray_settings

log = logging.getLogger(__name__)

LOCAL_IDLE_SECONDS = 60.0
SAME_MACHINE = "this-machine"
"""Root of the user's own server: it reads what its user may read, where it lies. `void_client.roots` names it too."""

AS_ANY_TOOL = ("mask", "verify", "openjd", "openjd-shot")
"""Commands that write files as any other tool does: converted masks, templates, and the results of a shot."""

_DESCRIPTION = """\
Serves removals to VOID clients over gRPC.

In the machine room:
  void-server serve --listen 127.0.0.1:7788 --store /srv/void
  void-server serve --listen 0.0.0.0:7788 --store /srv/void --tls-cert cert.pem --tls-key key.pem

The server writes the token of its owner to STORE/token (mode 0600) at the first start; each artist gets one from
`void-server tokens add NAME`, and gives it to `void` with --token-file, or with $VOID_TOKEN_FILE. Without TLS it serves
this machine only; `void-server certs` makes what TLS needs.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns the exit code: 0 ended as asked, 1 weights are not whole, 2 not usable as configured, 130 left with Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    serves = options.command == "serve"
    logs.set_up(*((options.log_format, options.log_level) if serves else ()))
    try:
        if options.command not in AS_ANY_TOOL:
            # Frames, database and logs are for the server's account alone, whatever the shell's umask says.
            os.umask(0o077)
        if not serves:
            return options.run(options, default_store()) or 0
        return _serve_local(options) if options.local else _serve(_configuration(options))
    except (VoidError, OSError) as error:
        if serves and options.log_format == "json":
            log.error("%s", error)
        else:
            print(f"{_program()}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{_program()}: left; what is finished stays", file=sys.stderr)
        return 130


def _program() -> str:
    """The command's name for people: `void mask` runs this one."""
    return os.environ.get("VOID_PROGRAM", "void-server")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_program(), description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve",
        help="serve until stopped",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument(
        "--listen", default="127.0.0.1:7788", metavar="HOST:PORT", help="address (default %(default)s)"
    )
    serve.add_argument(
        "--monitor",
        default="",
        metavar="HOST:PORT",
        help="serve the monitor page too, behind the same tokens (docs/monitor.md); for example 127.0.0.1:7789,"
        " beyond this machine with TLS only (default: none)",
    )
    serve.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="folder of database and frames (default: user's data folder)",
    )
    serve.add_argument(
        "--token-file", type=Path, metavar="FILE", help="token of the owner (default STORE/token)"
    )
    serve.add_argument(
        "--workers", type=int, default=default_workers(), help="worker processes (default %(default)s)"
    )
    add_ray_options(serve)
    serve.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate chain")
    serve.add_argument("--tls-key", type=Path, metavar="PEM", help="private key")
    serve.add_argument(
        "--tls-client-ca",
        type=Path,
        metavar="PEM",
        help="let in only clients with a certificate of this authority; their token is needed all the same",
    )
    serve.add_argument(
        "--vlm",
        type=Path,
        metavar="TOML",
        help="which vision-language models the reasoners openai and gemini may ask (docs/vlm_reasoners.md)",
    )
    serve.add_argument(
        "--signing-key",
        type=Path,
        metavar="FILE",
        help="sign every sidecar with this key of `void-server sign-key` (docs/provenance.md)",
    )
    serve.add_argument(
        "--drain-seconds",
        type=float,
        default=DRAIN_SECONDS,
        metavar="SECONDS",
        help="asked to end (SIGTERM, Ctrl-C, `void-server drain`), wait so long for units in hand; asked again, end at"
        " once (default %(default)s)",
    )
    serve.add_argument(
        "--log-format",
        choices=logs.FORMATS,
        default=logs.FORMATS[0],
        help="lines for people, or a JSON object a line (default %(default)s)",
    )
    serve.add_argument(
        "--log-level",
        choices=logs.LEVELS,
        default="info",
        help="least level of a line; debug tells of every call (default %(default)s)",
    )
    add_root_option(serve)
    serve.add_argument(
        "--root-show",
        action="append",
        default=[],
        metavar="NAME=SHOW[,SHOW]",
        help="a root is for jobs of these shows only; for others it does not exist; repeat for more",
    )
    for limit in fields(Limits):
        serve.add_argument(
            f"--{limit.name.replace('_', '-')}",
            type=int,
            default=limit.default,
            metavar=limit.metadata["unit"].upper(),
            help=f"{limit.metadata['help'][:-1]} (default %(default)s)",
        )
    serve.add_argument(
        "--local",
        action="store_true",
        help="the user's own server, as `void remove --local` starts it: one per data folder, ends when idle",
    )
    serve.add_argument("--data", type=Path, metavar="DIR", help="with --local: the user's data folder")
    serve.add_argument(
        "--idle-seconds",
        type=float,
        default=LOCAL_IDLE_SECONDS,
        help="with --local: end after so long without work (default %(default)s)",
    )
    add_parsers(commands)
    return parser


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(**{limit.name: getattr(options, limit.name) for limit in fields(Limits)})


def _configuration(options: argparse.Namespace) -> ServerConfiguration:
    store = options.store or default_store()
    return ServerConfiguration(
        store=store,
        token_file=options.token_file or store / "token",
        listen=options.listen,
        workers=options.workers,
        tls_certificate=options.tls_cert,
        tls_key=options.tls_key,
        tls_client_ca=options.tls_client_ca,
        root_shows=_root_shows(options),
        vlm=options.vlm,
        limits=_limits(options),
        roots=_roots(options, store),
        signing_key=options.signing_key,
        monitor=options.monitor,
        ray=ray_settings(options),
        log_format=options.log_format,
        log_level=options.log_level,
        drain_seconds=options.drain_seconds,
    )


def _roots(options: argparse.Namespace, store: Path) -> dict[str, Path]:
    roots: dict[str, Path] = dict(options.root)
    for name, folder in roots.items():
        if not folder.is_dir():
            log.warning(
                "the root %s is no folder that this account sees now: %s; is it mounted?", name, folder
            )
        if store.absolute().resolve().is_relative_to(folder.resolve()):
            raise InvalidInput(
                f"The root {name} ({folder}) holds the server's own store {store}.",
                fix="Choose a deeper folder for the root, or another place for the store.",
            )
    return roots


def _root_shows(options: argparse.Namespace) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for text in options.root_show:
        name, _, shows = text.partition("=")
        if name not in dict(options.root) or not shows:
            raise InvalidInput(
                f"--root-show {text!r} does not say NAME=SHOW of one of the roots.",
                fix="Write --root alpha=/mnt/alpha --root-show alpha=alpha.",
            )
        found[name] = found.get(name, frozenset()) | check_shows(shows.split(","))
    return found


def _serve_local(options: argparse.Namespace) -> int:
    folder = (options.data or data_folder()) / "local"
    try:
        lock = LockFile(folder / "server.lock")
    except LockHeld:
        print("void-server: the user's own server runs already", file=sys.stderr)
        return 0
    configuration = ServerConfiguration(
        store=folder / "store",
        token_file=folder / "token",
        listen="127.0.0.1:0",
        workers=options.workers,
        idle_seconds=options.idle_seconds,
        endpoint_file=folder / "endpoint.json",
        limits=_limits(options),
        monitor=options.monitor,
        log_format=options.log_format,
        log_level=options.log_level,
        drain_seconds=options.drain_seconds,
        roots={SAME_MACHINE: Path("/")} if supported() else {},
    )
    try:
        return _serve(configuration)
    finally:
        lock.release()


def _serve(configuration: ServerConfiguration) -> int:
    keep_message_memory()
    application = Application(configuration)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: application.request_stop())
    try:
        application.start()
        print(f"void-server {VERSION} on {application.address}", flush=True)
        print(f"token file: {configuration.token_file}", flush=True)
        if application.monitor_url:
            print(f"monitor page: {application.monitor_url}", flush=True)
        systemd.tell(systemd.READY)
        application.wait()
    finally:
        application.stop()
        # Asked once more while Python itself ends, it would end as one that was killed.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    return 0


def default_store() -> Path:
    """The store of a server that was given none."""
    return data_folder() / "store"


if __name__ == "__main__":
    sys.exit(main())
