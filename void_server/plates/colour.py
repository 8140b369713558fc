# SPDX-License-Identifier: Apache-2.0
"""The colour space of a plate, always together with the OCIO config that defines it.

A name is never looked up in another config than the one that travels with the job. Engines work in
scene-linear light: a plate whose space is scene-linear, whatever its primaries, is handed on as it is,
without arithmetic; any other goes to the config's `scene_linear` role and back.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PyOpenColorIO as ocio

from void_server.errors import InvalidInput
from void_server.plates.colour_archive import check_archive, check_self_contained
from void_server.plates.header import Part

Linear = npt.NDArray[np.float32]
Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

DEFAULT_CONFIG = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
"""Pinned by its full name: `latest` means another config in each version of the library."""
REC709 = "lin_rec709_scene"
SPACES = {
    REC709: ("lin_rec709", "lin_rec709_srgb", "Linear Rec.709 (sRGB)", "lin_srgb", "Utility - Linear - sRGB"),
    "lin_ap0_scene": ("lin_ap0", "ACES2065-1", "aces2065_1", "ACES - ACES2065-1"),
    "lin_ap1_scene": ("lin_ap1", "ACEScg", "acescg", "ACES - ACEScg"),
    "srgb_rec709_scene": ("srgb_tx", "srgb_texture", "sRGB - Texture"),
}
"""Identifiers of the Color Interop Forum's recommendation for texture assets, and what configs call these
spaces."""
CHROMATICITIES = {
    REC709: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    "lin_ap0_scene": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, 0.32168, 0.33767),
    "lin_ap1_scene": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
}
"""x and y of red, green, blue and white: ITU-R BT.709, SMPTE ST 2065-1 (AP0), ACES S-2014-004 (AP1)."""
SAME_CHROMATICITY = 1e-3
FILE_ATTRIBUTES = ("colorInteropID", "oiio:ColorSpace")
NAMES_OFFERED = 5


@dataclass(frozen=True)
class ColourSpace:
    """A colour space in its config.

    Attributes:
        name: the space's name in the config; an interop identifier where the config has no such space (then
            it is scene-linear).
        config: `ocio://...`, or the path of an `.ocio` file or `.ocioz` archive.
        stated: one sentence for people: which space was taken and why.
        linear: True if the samples are scene-linear already, or are data.
    """

    name: str
    config: str
    stated: str
    linear: bool

    def to_linear(self, samples: Linear) -> Linear:
        """Samples of this space (h, w, 3 or 1) float32 to scene-linear; the same object where they are
        already.
        """
        if self.linear:
            return samples
        return _apply(_processor(self.config, self.name, ocio.ROLE_SCENE_LINEAR), samples)

    def from_linear(self, linear: Linear) -> Linear:
        """The inverse of `to_linear`; the same object where the space is scene-linear."""
        if self.linear:
            return linear
        return _apply(_processor(self.config, ocio.ROLE_SCENE_LINEAR, self.name), linear)

    def display_view(self, linear: Linear) -> npt.NDArray[np.uint8]:
        """What `to_linear` gave, as people are to see it on an sRGB screen.

        Through the config's sRGB display, if it has one, else its default display, and that display's default
        view. Meant for small pictures: a view transform takes about 0.2 s a megapixel.

        Args:
            linear: (h, w, 3 or 1) scene-linear float32; samples that are not finite are shown as 0.

        Returns:
            (h, w, 3) uint8.
        """
        picture = np.nan_to_num(linear, nan=0.0, posinf=float(np.finfo(np.float16).max), neginf=0.0)
        rgb = np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)), dtype=np.float32).copy()
        _view_processor(self).applyRGB(rgb)
        return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def rec709_matrix(space: ColourSpace) -> tuple[Matrix, str]:
    """From the scene-linear light that `to_linear` gives to that of Rec.709's primaries, as OCIO has it.

    Returns:
        The matrix by rows, and one sentence for people. The identity for data, and where neither the config nor its
        interchange role says what its primaries are.
    """
    loaded, neutral = load_config(space.config), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    named = loaded.getColorSpace(space.name)
    if space.linear and named is None:
        # An interop identifier that the config does not have: the built-in one does.
        loaded = load_config(DEFAULT_CONFIG)
    elif named is not None and named.isData():
        return neutral, "Data has no primaries: shown to the model as it is."
    start = (_find(loaded, space.name) or space.name) if space.linear else ocio.ROLE_SCENE_LINEAR
    end = _find(loaded, REC709)
    try:
        if end:
            processor = loaded.getProcessor(start, end)
        else:
            builtin = load_config(DEFAULT_CONFIG)
            processor = ocio.Config.GetProcessorFromConfigs(loaded, start, builtin, _find(builtin, REC709))
    except (ocio.Exception, UnicodeDecodeError):
        return neutral, "The OCIO config does not say what its primaries are: taken as those of Rec.709."
    basis = np.eye(3, dtype=np.float32)[None]
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS).applyRGB(basis)
    matrix = np.round(basis[0].T.astype(np.float64), 9)
    if np.allclose(matrix, np.eye(3), rtol=0, atol=1e-6):
        return neutral, "The plate has the primaries of Rec.709."
    red, green, blue = ((float(a), float(b), float(c)) for a, b, c in matrix)
    return (red, green, blue), f"Shown to the model with the primaries of Rec.709, from {start} by OCIO."


def resolve(part: Part, path: str, *, name: str = "", config: str = "") -> ColourSpace:
    """The colour space of a plate; the first of these that says something decides.

    1. The name given with the job. 2. The file: `colorInteropID`, `oiio:ColorSpace`, or chromaticities of
    Rec.709, AP0 or AP1. 3. A file rule of the job's own config that matches the path; its default rule
    matches every file and so says nothing about this one. 4. Scene-linear Rec.709.

    Args:
        part: the header that holds the plate.
        path: the plate's path as the user named it, for the file rules.
        name: the space given with the job; empty where none is.
        config: the OCIO config that travels with the job; empty for the built-in `DEFAULT_CONFIG`.

    Raises:
        InvalidInput: the config cannot be read, or has no space of that name (offers near ones).
    """
    source = config or DEFAULT_CONFIG
    loaded = load_config(source)
    if name:
        return _space(source, _required(loaded, source, name), f"Colour space {name}, as given with the job.")
    stated = stated_space(part, config)
    if stated:
        return _space(source, *stated)
    if config and not loaded.filepathOnlyMatchesDefaultRule(path):
        ruled = loaded.getColorSpaceFromFilepath(path)[0]
        return _space(source, ruled, f"Colour space {ruled}, by a file rule of the OCIO config.")
    return _space(
        source,
        _find(loaded, REC709) or REC709,
        "Colour space not stated: taken as scene-linear Rec.709 (--colorspace).",
    )


def stated_space(part: Part, config: str = "") -> tuple[str, str] | None:
    """The colour space that a file itself names, by attribute or chromaticities, and a sentence that says so.

    Args:
        part: the header that holds the picture.
        config: the OCIO config that travels with the job; empty for the built-in `DEFAULT_CONFIG`.

    Returns:
        None where the file says nothing, or nothing that the config knows.

    Raises:
        InvalidInput: the config cannot be read.
    """
    loaded = load_config(config or DEFAULT_CONFIG)
    for attribute in FILE_ATTRIBUTES:
        if attribute in part.attributes:
            said = part.attributes[attribute].text()
            found = _find(loaded, said)
            if found:
                return found, f"Colour space {found}, as the file says ({attribute} = {said})."
    primaries = _primaries(part)
    if primaries:
        found = _find(loaded, primaries) or primaries
        return found, f"Colour space {found}, by the file's chromaticities."
    return None


@lru_cache(maxsize=8)
def load_config(source: str) -> ocio.Config:
    """An OCIO config: a built-in `ocio://` name, an `.ocio` file or an `.ocioz` archive.

    Raises:
        InvalidInput: it cannot be read; says why.
    """
    if source.endswith(".ocioz"):
        check_archive(Path(source))
    with _told_of(source):
        loaded = ocio.Config.CreateFromFile(source)
        loaded.validate()
    if source.endswith(".ocioz"):
        check_self_contained(Path(source), loaded)
    return loaded


@contextmanager
def _told_of(source: str) -> Iterator[None]:
    """What OCIO refuses inside is a fault of the config: also a transform that is built only when it is needed."""
    try:
        yield
    except (ocio.Exception, ocio.ExceptionMissingFile, UnicodeDecodeError) as error:
        # The last: OCIO quotes bytes of a file, and they are no text.
        raise InvalidInput(
            f"The OCIO config {source} cannot be used: {error}",
            fix="Give a built-in name (ocio://...), an .ocio file or an .ocioz archive.",
            file=source,
        ) from error


def _space(source: str, name: str, stated: str) -> ColourSpace:
    loaded = load_config(source)
    space = loaded.getColorSpace(name)
    with _told_of(source):
        linear = (
            space is None or space.isData() or loaded.isColorSpaceLinear(name, ocio.REFERENCE_SPACE_SCENE)
        )
    if not linear and not loaded.hasRole(ocio.ROLE_SCENE_LINEAR):
        raise InvalidInput(
            f"The OCIO config {source} has no scene_linear role, which {name} has to be worked on in.",
            fix="Add the role to the config, or give a scene-linear plate.",
            file=source,
        )
    return ColourSpace(name, source, stated, bool(linear))


def _required(loaded: ocio.Config, source: str, name: str) -> str:
    """The space of a name, alias, role or interop identifier that somebody asked for."""
    space = loaded.getColorSpace(name)
    found = space.getName() if space is not None else _find(loaded, name)
    if found:
        return str(found)
    near = difflib.get_close_matches(name, list(_names(loaded)), NAMES_OFFERED, cutoff=0.4)
    raise InvalidInput(
        f"The OCIO config {source} has no colour space {name!r}.",
        fix=f"Near ones: {', '.join(near)}." if near else "Give a name that the config has.",
    )


def _find(loaded: ocio.Config, said: str) -> str:
    """The space that a file's attribute means, empty where the config has none; roles are a config's own
    affair.
    """
    by_identifier = [s.getName() for s in loaded.getColorSpaces() if said and s.getInteropID() == said]
    for candidate in (*by_identifier, said, *SPACES.get(said, ()), said.removesuffix("_scene")):
        if candidate and not loaded.hasRole(candidate):
            space = loaded.getColorSpace(candidate)
            if space is not None:
                return str(space.getName())
    return ""


def _names(loaded: ocio.Config) -> Iterable[str]:
    for space in loaded.getColorSpaces():
        yield space.getName()
        yield from space.getAliases()


def _primaries(part: Part) -> str:
    """The interop identifier of the file's chromaticities; empty where there are none, or others."""
    attribute = part.attributes.get("chromaticities")
    values = attribute.floats() if attribute is not None and attribute.type == "chromaticities" else ()
    for identifier, known in CHROMATICITIES.items():
        if len(values) == len(known) and np.allclose(values, known, rtol=0, atol=SAME_CHROMATICITY):
            return identifier
    return ""


@lru_cache(maxsize=32)
def _processor(source: str, start: str, end: str) -> ocio.CPUProcessor:
    """Without the fast approximations of OCIO's default optimisation, so that the way back is exact."""
    with _told_of(source):
        return (
            load_config(source).getProcessor(start, end).getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS)
        )


def _apply(processor: ocio.CPUProcessor, samples: Linear) -> Linear:
    """A single channel is taken as neutral."""
    rgb = np.array(np.broadcast_to(samples, (*samples.shape[:-1], 3)), dtype=np.float32, order="C")
    processor.applyRGB(rgb)
    return rgb if samples.shape[-1] == 3 else np.ascontiguousarray(rgb[..., 1:2])


@lru_cache(maxsize=8)
def _view_processor(space: ColourSpace) -> ocio.CPUProcessor:
    loaded = load_config(space.config)
    known = space.linear and loaded.getColorSpace(space.name) is not None
    start = space.name if known else ocio.ROLE_SCENE_LINEAR
    displays = list(loaded.getDisplays())
    display = next((d for d in displays if d.lower().startswith("srgb")), loaded.getDefaultDisplay())
    transform = ocio.DisplayViewTransform(src=start, display=display, view=loaded.getDefaultView(display))
    with _told_of(space.config):
        return loaded.getProcessor(transform).getDefaultCPUProcessor()
