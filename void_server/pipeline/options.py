# SPDX-License-Identifier: Apache-2.0
"""The values of one order's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from void_server.engines.void.settings import Attention, Memory, NoiseFlow
from void_server.errors import InvalidInput
from void_server.pipeline.option_catalogue import CATALOGUE


@dataclass(frozen=True)
class Options:
    """The options of one order, parsed; see `CATALOGUE` for meaning, units and ranges."""

    grain: bool
    grain_amount: float
    sources: int
    reach: int
    unseen: Literal["auto", "texture", "smooth"]
    profile: Literal["production", "official"]
    weights: str
    void_passes: Literal[1, 2]
    mask_levels: Literal["trained", "published", "four"]
    affected_grid: Literal["auto", "on", "off"]
    steps: int
    window: int
    model_percent: int
    region: Literal["auto", "whole"]
    region_context: float
    crops: str
    detail: Literal["auto", "plate", "guided", "off"]
    model_exposure: float
    noise_flow: NoiseFlow
    clip_seed: int
    memory: Memory
    attention: Attention
    compile: bool
    step_cache: float
    windows_at_once: int
    finder: str
    find: str
    find_score: float
    fall_back: str
    ground: Literal["auto", "cells", "sam2"]
    grow: float
    feather: float
    replace: Literal["auto", "changed", "region"]
    passes: str
    first_unaffected: bool
    compression: str
    layers: str = "drop"
    handles_before: int = 0
    handles_after: int = 0
    matte_files: str = "rgba"

    @property
    def qc_pass(self) -> bool:
        """Whether `void_qc` is wanted."""
        return self.passes in ("qc", "all")

    @property
    def source_pass(self) -> bool:
        """Whether `void_source` is wanted."""
        return self.passes in ("source", "all")

    @property
    def relight_pass(self) -> bool:
        """Whether `void_gain` and `void_offset` are wanted."""
        return self.passes in ("relight", "all")

    @staticmethod
    def parse(given: Mapping[str, str]) -> Options:
        """Defaults overlaid with what was given.

        Raises:
            InvalidInput: an unknown name, or a value that is no number; ranges are checked by the server's front.
        """
        known = {o.name: o.default_value for o in CATALOGUE}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise InvalidInput(f"There is no option {unknown[0]!r}.", fix=f"There are: {', '.join(known)}.")
        values = known | dict(given)
        try:
            return Options(
                grain=values["grain"] == "on",
                grain_amount=float(values["grain_amount"]),
                sources=int(values["sources"]),
                reach=int(values["reach"]),
                unseen=cast(Literal["auto", "texture", "smooth"], values["unseen"]),
                profile=cast(Literal["production", "official"], values["profile"]),
                weights=values["weights"],
                void_passes=cast(Literal[1, 2], int(values["void_passes"])),
                mask_levels=cast(Literal["trained", "published", "four"], values["mask_levels"]),
                affected_grid=cast(Literal["auto", "on", "off"], values["affected_grid"]),
                steps=int(values["steps"]),
                window=int(values["window"]),
                model_percent=int(values["model_percent"]),
                region=cast(Literal["auto", "whole"], values["region"]),
                region_context=float(values["region_context"]),
                crops=values["crops"].strip(),
                detail=cast(Literal["auto", "plate", "guided", "off"], values["detail"]),
                model_exposure=float(values["model_exposure"]),
                noise_flow=cast(NoiseFlow, values["noise_flow"]),
                clip_seed=int(values["clip_seed"]),
                memory=cast(Memory, values["memory"]),
                attention=cast(Attention, values["attention"]),
                compile=values["compile"] == "on",
                step_cache=float(values["step_cache"]),
                windows_at_once=int(values["windows_at_once"]),
                finder=values["finder"],
                find=values["find"],
                find_score=float(values["find_score"]),
                fall_back=values["fall_back"],
                ground=cast(Literal["auto", "cells", "sam2"], values["ground"]),
                grow=float(values["grow"]),
                feather=float(values["feather"]),
                replace=cast(Literal["auto", "changed", "region"], values["replace"]),
                passes=values["passes"],
                first_unaffected=values["first_unaffected"] == "on",
                compression=values["compression"],
                layers=values["layers"],
                handles_before=int(values["handles_before"]),
                handles_after=int(values["handles_after"]),
                matte_files=values["matte_files"],
            )
        except ValueError as error:
            raise InvalidInput(f"An option has no usable value: {error}.") from None
