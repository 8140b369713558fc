# SPDX-License-Identifier: Apache-2.0
"""What of an order a server cannot take: settings compared with its capabilities, and the order without them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from void.v1 import jobs_pb2, server_pb2, types_pb2

from void_client.inputs import ROLES
from void_client.specification import DEFAULT_ENGINE, POINT_SEGMENTER, RemoveOptions

_SEE_CAPABILITIES = "`void capabilities` lists what this server can do."
READERS_OF_WORDS = ("openai", "gemini")
LOCAL_FINDER = "grounding"


@dataclass(frozen=True)
class Unusable:
    """A setting that a server cannot take.

    Attributes:
        setting: `engine`, `segmenter`, `reasoner`, `instruction` or `options`.
        option: which of `options`; empty for the others.
        problem: why, and what to do.
    """

    setting: str
    option: str
    problem: types_pb2.Problem


def check_capabilities(
    options: RemoveOptions, frames: int, server: server_pb2.GetCapabilitiesResponse
) -> list[Unusable]:
    """Find every setting that the server cannot take.

    Args:
        options: what the user asks.
        frames: number of frames to work on.
        server: what the server can do.
    """
    plugs = {
        "engine": _check_plug("engine", options.engine, server.engines, frames, also=(DEFAULT_ENGINE,)),
        "segmenter": _check_plug("segmenter", _named_segmenter(options), server.segmenters, frames),
        "reasoner": _check_plug("reasoner", options.reasoner, server.reasoners, frames, also=("none",)),
    }
    if options.worded:
        plugs["instruction"] = _check_words(options, server)
    found = [Unusable(setting, "", p) for setting, problems in plugs.items() for p in problems]
    by_option = _check_options(options.options, server.options)
    return found + [Unusable("options", name, p) for name, p in by_option.items()]


def without(spec: jobs_pb2.JobSpec, unusable: Iterable[Unusable]) -> jobs_pb2.JobSpec:
    """The order with the default in place of each setting that a server cannot take."""
    result = jobs_pb2.JobSpec()
    result.CopyFrom(spec)
    for found in unusable:
        if found.setting == "options":
            result.settings.options.pop(found.option, None)
        elif found.setting == "instruction":
            result.shot.ClearField("instruction")
        else:
            setattr(result.settings, found.setting, DEFAULT_ENGINE if found.setting == "engine" else "")
        if found.setting == "segmenter":
            result.shot.ClearField("points")
            result.shot.ClearField("boxes")
    return result


def bare(spec: jobs_pb2.JobSpec) -> jobs_pb2.JobSpec:
    """The order with every setting at its default: what stands for itself in the artist's files."""
    shot = types_pb2.Shot(range=spec.shot.range, view=spec.shot.view)
    for role in ROLES:
        if getattr(spec.shot, role).files:
            getattr(shot, role).CopyFrom(getattr(spec.shot, role))
    if spec.shot.HasField("colour"):
        shot.colour.CopyFrom(spec.shot.colour)
    return jobs_pb2.JobSpec(
        kind=spec.kind, shot=shot, settings=types_pb2.Settings(engine=DEFAULT_ENGINE), output=spec.output
    )


def _check_plug(
    kind: str,
    name: str,
    plugs: Sequence[server_pb2.Plug],
    frames: int,
    also: tuple[str, ...] = (),
) -> list[types_pb2.Problem]:
    if not name:
        return []
    plug = next((p for p in plugs if p.name == name), None)
    if plug is None:
        names = [p.name for p in plugs]
        return [] if name in also else [_problem(f"There is no {kind} '{name}'.{_near(name, names)}")]
    if not plug.available:
        reason = plug.unavailable_reason.rstrip(".") or "not available on this server"
        return [_problem(f"The {kind} '{name}' cannot be used: {reason}.")]
    if plug.max_frames and frames > plug.max_frames:
        return [
            _problem(
                f"The {kind} '{name}' takes at most {plug.max_frames} frames; the range has {frames}.",
                "Split the range with --range.",
            )
        ]
    return []


def _named_segmenter(options: RemoveOptions) -> str:
    """The segmenter to be looked at by itself: of an order in words, one that was asked for."""
    return options.segmenter if options.worded else options.wanted_segmenter


def _check_words(
    options: RemoveOptions, server: server_pb2.GetCapabilitiesResponse
) -> list[types_pb2.Problem]:
    """One problem with all that a server lacks to find an object that only words name."""
    if options.wanted_segmenter != POINT_SEGMENTER:
        return [
            _problem(
                f"The segmenter '{options.segmenter}' cannot be told in words what to remove.",
                f"Use --segmenter {POINT_SEGMENTER} or leave it out, or give mattes with --remove.",
            )
        ]
    finders = [p for p in server.finders if _may_find(p.name, options)]
    lacking = [] if any(p.available for p in finders) else finders
    lacking += [
        p
        for p in server.segmenters
        if p.name == options.wanted_segmenter and not (p.available or options.segmenter)
    ]
    if finders and not lacking:
        return []
    reasons = [f"{p.name}: {p.unavailable_reason.rstrip('.')}" for p in lacking]
    closed = [p.name for p in server.finders if p.available and not _may_find(p.name, options)]
    if closed:
        reasons.append(f"{', '.join(closed)} could look, but not with this --reasoner and --set finder")
    return [
        _problem(
            "Words alone cannot say what to remove on this server.",
            "Give points, a box or a roto (--points, --boxes, --remove). For words alone the server needs SAM2, and a"
            " model (--vlm) or a text-grounding model in its weights folder (docs/masks.md). It says: "
            + ("; ".join(reasons) or "nothing on it finds objects")
            + ".",
        )
    ]


def _may_find(finder: str, options: RemoveOptions) -> bool:
    """Whether the order leaves a finder open: a model is asked only where no other reasoner is named."""
    wanted = options.options.get("finder", "auto")
    if finder == LOCAL_FINDER:
        return wanted != "model"
    return wanted != "grounding" and options.reasoner in ("", finder)


def _check_options(
    given: Mapping[str, str], known: Sequence[server_pb2.Option]
) -> dict[str, types_pb2.Problem]:
    by_name = {o.name: o for o in known}
    problems = {}
    for name, value in sorted(given.items()):
        option = by_name.get(name)
        if option is None:
            problems[name] = _problem(f"There is no option '{name}'.{_near(name, by_name)}")
        elif not _fits(option, value):
            problems[name] = _problem(f"{name}={value} is not possible.", f"Give {describe_values(option)}.")
    return problems


def _fits(option: server_pb2.Option, value: str) -> bool:
    if option.type == "switch":
        return value in ("on", "off")
    if option.type == "choice":
        return value in option.choices
    if option.type == "text":
        return True
    try:
        number = int(value) if option.type == "integer" else float(value)
    except ValueError:
        return False
    return option.minimum <= number <= option.maximum


def describe_values(option: server_pb2.Option) -> str:
    """What an option may be set to, in words."""
    if option.type == "switch":
        return "on or off"
    if option.type == "choice":
        return " or ".join(option.choices)
    if option.type == "text":
        return "words"
    kind = "a whole number" if option.type == "integer" else "a number"
    return f"{kind} from {option.minimum:g} to {option.maximum:g}"


def _near(name: str, names: Iterable[str]) -> str:
    all_names = sorted(names)
    near = difflib.get_close_matches(name, all_names, n=3, cutoff=0.5)
    if near:
        return f" Did you mean {' or '.join(near)}?"
    return f" There are: {', '.join(all_names)}." if all_names else ""


def _problem(message: str, fix: str = _SEE_CAPABILITIES) -> types_pb2.Problem:
    return types_pb2.Problem(severity=types_pb2.SEVERITY_ERROR, code="unsupported", message=message, fix=fix)
