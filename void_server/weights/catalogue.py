# SPDX-License-Identifier: Apache-2.0
"""Every weight file that the engine `void` and the segmenter `sam2` read: what it is, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from void_server.errors import InvalidInput

BASE, VOID, SAM2, SAM2_FOLDERS = "base", "void", "sam2", "sam2-transformers"
GROUPS = (BASE, VOID, SAM2, SAM2_FOLDERS)
USUAL_GROUPS = (BASE, VOID, SAM2)
"""What is meant where none is named: the two of SAM2 hold the same models in two formats."""

BASE_REPOSITORY = "alibaba-pai/CogVideoX-Fun-V1.5-5b-InP"
VOID_REPOSITORY = "netflix/void-model"

TEXT_ENCODER = "text_encoder"
"""Folder of the text encoder in the base folder; in it either an index and the shards it names, or one file."""
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"


@dataclass(frozen=True)
class WeightFile:
    """One file.

    Args:
        name: its path in the weights folder, with slashes; also what the command calls it.
        group: one of `GROUPS`.
        repository: where it is published, as owner/name.
        path_in_repository: its path there.
        licence: name of its licence, a key of `licences.LICENCES`.
        needed_by: who reads it.
        about_bytes: about how long it is; for planning alone.
        published_bytes: its exact length as published, where that is known. A file of another length gets a remark
            and no more: whoever trains or tests brings files of other lengths.
        required: whether work stops without it.
    """

    name: str
    group: str
    repository: str
    path_in_repository: str
    licence: str
    needed_by: str
    about_bytes: int
    published_bytes: int | None = None
    required: bool = True


def _base(
    path: str, about_bytes: int, published_bytes: int | None = None, required: bool = True
) -> WeightFile:
    return WeightFile(
        name=f"base/{path}",
        group=BASE,
        repository=BASE_REPOSITORY,
        path_in_repository=path,
        licence="CogVideoX",
        needed_by="engine void",
        about_bytes=about_bytes,
        published_bytes=published_bytes,
        required=required,
    )


def _overlay(name: str, needed_by: str) -> WeightFile:
    return WeightFile(name, VOID, VOID_REPOSITORY, name, "Apache-2.0", needed_by, 11_143_026_048)


def _sam2(size: str, about_bytes: int, required: bool) -> WeightFile:
    name = f"sam2.1_hiera_{size}.pt"
    return WeightFile(
        name=f"sam2/{name}",
        group=SAM2,
        repository=f"facebook/sam2.1-hiera-{size}",
        path_in_repository=name,
        licence="Apache-2.0",
        needed_by="segmenter sam2",
        about_bytes=about_bytes,
        required=required,
    )


def _sam2_folder(size: str, about_bytes: int, required: bool) -> tuple[WeightFile, ...]:
    """A model in transformers' format. The configuration comes last: with it the folder counts as a checkpoint."""
    folder = f"sam2.1-hiera-{size}"

    def file(name: str, about: int, needed: bool) -> WeightFile:
        return WeightFile(
            name=f"sam2/{folder}/{name}",
            group=SAM2_FOLDERS,
            repository=f"facebook/{folder}",
            path_in_repository=name,
            licence="Apache-2.0",
            needed_by="segmenter sam2",
            about_bytes=about,
            required=needed,
        )

    # The processor's configuration is not read: what it says is the segmenter's own to do. Other programs want it.
    return (
        file(SINGLE, about_bytes, required),
        file("processor_config.json", 95, False),
        file("config.json", 5_000, required),
    )


# The transformer of the base is not here, only its configuration: an overlay holds every tensor of it.
CATALOGUE: tuple[WeightFile, ...] = (
    # Not read by the engine; it has to travel with the files that it covers.
    _base("LICENSE", 5_700, required=False),
    _base("scheduler/scheduler_config.json", 482, 482),
    _base("transformer/config.json", 887, 887),
    _base("vae/config.json", 839, 839),
    _base("vae/diffusion_pytorch_model.safetensors", 431_000_000),
    _base("tokenizer/tokenizer_config.json", 20_600),
    _base("tokenizer/spiece.model", 792_000),
    _base("tokenizer/special_tokens_map.json", 2_540),
    _base("tokenizer/added_tokens.json", 2_590),
    _base("text_encoder/config.json", 800),
    _base("text_encoder/model.safetensors.index.json", 20_000),
    _base("text_encoder/model-00001-of-00002.safetensors", 4_990_000_000),
    _base("text_encoder/model-00002-of-00002.safetensors", 4_530_000_000),
    _overlay("void_pass1.safetensors", "engine void, pass 1"),
    _overlay("void_pass2.safetensors", "engine void, pass 2"),
    _sam2("large", 898_000_000, required=True),
    # For machines with little memory; the large one is what the segmenter asks for.
    _sam2("tiny", 156_000_000, required=False),
    *_sam2_folder("large", 898_000_000, required=True),
    *_sam2_folder("tiny", 156_000_000, required=False),
)


def select(wanted: Iterable[str]) -> tuple[WeightFile, ...]:
    """The files of these groups and names, in the catalogue's order; those of `USUAL_GROUPS` when none is given.

    Raises:
        InvalidInput: neither a group nor a file has such a name.
    """
    names = list(wanted) or list(USUAL_GROUPS)
    known = {*GROUPS, *(file.name for file in CATALOGUE)}
    for name in names:
        if name not in known:
            raise InvalidInput(
                f"There is no weight file or group {name!r}.",
                fix=f"Groups are {', '.join(GROUPS)}; `void-server weights list` names the files.",
            )
    return tuple(file for file in CATALOGUE if file.group in names or file.name in names)


def is_text_encoder_weight(file: WeightFile) -> bool:
    """Whether the file is the text encoder's tensors or their index: which of those there are varies."""
    return file.name.startswith(f"base/{TEXT_ENCODER}/model")


def text_encoder_file(name: str) -> WeightFile:
    """The entry of a file of the text encoder's folder.

    A name that the catalogue lacks is that of a checkpoint stored in one file, or in other shards.
    """
    by_path = {file.path_in_repository: file for file in CATALOGUE}
    path = f"{TEXT_ENCODER}/{name}"
    index = by_path[f"{TEXT_ENCODER}/{INDEX}"]
    return by_path.get(path, replace(index, name=f"base/{path}", path_in_repository=path, about_bytes=0))
