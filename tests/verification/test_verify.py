# SPDX-License-Identifier: Apache-2.0
"""`void verify` finds one changed sample, and one changed number, in what a real server delivered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import spec_of
from void_client.results import result_folder
from void_server.main import main
from void_server.plates.exr import read_channels
from void_server.plates.header import read_header
from void_server.signing import make_key_pair

FRAME = 1002
OLDER = Path(__file__).with_name("delivered_1")
"""A delivery of a release whose digests knew no stripes."""
VERIFIED, DIFFERS, UNKNOWN = 0, 1, 2


@pytest.fixture
def verify(capsys):
    """Runs the command; returns its exit code and its JSON."""

    def run(*words):
        code = main(["verify", "--json", *map(str, words)])
        return code, json.loads(capsys.readouterr().out)

    return run


def rewritten(path, change=lambda pixels, names: None, **attributes):
    """The file as another program writes it again, with `change` made to its samples (h, w, c)."""
    buffer = oiio.ImageBuf(str(path))
    spec, pixels = buffer.spec(), np.asarray(buffer.get_pixels(oiio.HALF))
    change(pixels, list(spec.channelnames))
    for name, value in attributes.items():
        spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_image(pixels) and output.close()


def flip(channel, *, inside):
    """Flips the lowest bit of one sample of a channel, inside the blend matte or outside."""

    def change(pixels, names):
        blend = pixels[..., names.index("void_mask.alpha")]
        row, column = np.argwhere((blend > 0) == inside)[0]
        pixels.view(np.uint16)[row, column, names.index(channel)] ^= 1

    return change


def only(answer):
    (sidecar,) = answer["sidecars"]
    return sidecar, {(f["kind"], f["frame"]): f for f in sidecar["frames"]}


def test_a_delivered_folder_is_verified_file_by_file_and_sample_by_sample(made, verify, shot):
    code, answer = verify(made.folder, "--plate", made.plate)
    sidecar, frames = only(answer)
    assert code == VERIFIED and answer["verdict"] == "verified" and len(frames) == 2 * 5
    for number, path in shot.files("plate").items():
        result, plate = made.result(number), frames["result", number]["plate"]
        blend = read_channels(result, 0, ["void_mask.alpha"])["void_mask.alpha"]
        assert plate["file"] == str(path) and plate["differing"] == 0
        assert plate["samples"] == 3 * np.count_nonzero(blend == 0) > 0
        assert 0 < plate["changed_share"] <= frames["result", number]["blend_share"] == np.mean(blend > 0)
    assert sidecar["made_by"]["engine"] == "cleanplate" and sidecar["made_by"]["seed"] == 0


def test_what_was_borrowed_and_synthesised_is_told_from_void_qc(made, verify):
    check = only(verify(made.result(FRAME))[1])[1]["result", FRAME]
    layer = read_channels(made.result(FRAME), 0, ["void_qc.green", "void_qc.blue", "void_mask.alpha"])
    inside = layer["void_mask.alpha"] > 0
    assert check["borrowed"] == pytest.approx(layer["void_qc.green"][inside].astype(float).mean())
    assert check["synthesised"] == pytest.approx(layer["void_qc.blue"][inside].astype(float).mean())
    assert check["borrowed"] > 0


@pytest.mark.parametrize(("inside", "where"), [(False, "outside"), (True, "inside")])
def test_one_flipped_bit_is_found_and_its_place_told_without_the_plate(delivery, verify, inside, where):
    rewritten(delivery.result(FRAME), flip("G", inside=inside))
    code, answer = verify(delivery.pattern)
    frames = only(answer)[1]
    assert code == DIFFERS
    assert frames["result", FRAME]["differences"] == [
        f"Colour or alpha {where} the blend matte is not as published."
    ]
    assert all(f["verdict"] == "verified" for (_, n), f in frames.items() if n != FRAME)


def test_a_flipped_bit_outside_is_counted_against_the_plate(delivery, verify):
    rewritten(delivery.result(FRAME), flip("B", inside=False))
    check = only(verify(delivery.result(FRAME), "--plate", delivery.plate)[1])[1]["result", FRAME]
    assert check["plate"]["differing"] == 1
    assert any(text.startswith("1 of ") for text in check["differences"])


def test_a_painted_blend_matte_that_would_hide_a_change_is_found(delivery, verify):
    def hide(pixels, names):
        pixels[:4, :4, names.index("R")] += 1
        pixels[:4, :4, names.index("void_mask.alpha")] = 1

    rewritten(delivery.result(FRAME), hide)
    code, answer = verify(delivery.result(FRAME))
    assert code == DIFFERS and "void_mask is not as published" in str(only(answer)[1]["result", FRAME])


def test_another_layer_that_was_changed_is_told_apart_from_the_picture(delivery, verify):
    rewritten(delivery.result(FRAME), flip("void_qc.red", inside=True))
    code, answer = verify(delivery.result(FRAME))
    assert code == DIFFERS and "another layer" in str(only(answer)[1]["result", FRAME]["differences"])


def test_a_flipped_bit_in_the_matte_file_is_found(delivery, verify):
    def change(pixels, names):
        pixels.view(np.uint16)[3, 3, names.index("A")] ^= 1

    rewritten(delivery.matte(FRAME), change)
    code, answer = verify(delivery.folder)
    assert code == DIFFERS and only(answer)[1]["matte", FRAME]["verdict"] == "differs"


def test_a_file_that_another_program_wrote_again_with_the_same_samples_is_verified(delivery, verify):
    before = delivery.result(FRAME).read_bytes()
    rewritten(delivery.result(FRAME), compression="zip", DateTime="2026:01:01 00:00:00")
    assert delivery.result(FRAME).read_bytes() != before
    code, answer = verify(delivery.result(FRAME))
    assert code == VERIFIED and "wrote the file again" in str(only(answer)[1]["result", FRAME]["notes"])


def test_a_header_that_names_another_seed_than_the_sidecar_differs(delivery, verify):
    rewritten(delivery.result(FRAME), **{"void/seed": "7"})
    code, answer = verify(delivery.result(FRAME))
    assert code == DIFFERS and "void/seed = 7, the sidecar 0" in str(answer)


def test_a_plate_that_is_not_the_one_that_was_given_cannot_be_checked_against(
    delivery, verify, tmp_path, shot
):
    other = tmp_path / "plate.1002.exr"
    shutil.copy(shot.files("plate")[FRAME + 1], other)
    code, answer = verify(delivery.result(FRAME), "--plate", other)
    assert code == UNKNOWN and "not the one that was given" in str(
        only(answer)[1]["result", FRAME]["unknown"]
    )


def test_a_missing_frame_and_a_missing_plate_cannot_be_checked(delivery, verify):
    assert verify(delivery.result(FRAME), "--plate", "nowhere.####.exr")[0] == UNKNOWN
    delivery.result(FRAME).unlink()
    code, answer = verify(delivery.folder)
    assert code == UNKNOWN and only(answer)[1]["result", FRAME]["unknown"] == ["The file is not there."]


def test_a_frame_without_a_sidecar_or_under_a_foreign_name_cannot_be_checked(delivery, capsys):
    delivery.sidecar.unlink()
    assert main(["verify", str(delivery.result(FRAME))]) == UNKNOWN
    assert "has no sidecar" in capsys.readouterr().err
    assert main(["verify", str(delivery.folder / "shot_void.png")]) == UNKNOWN


def test_a_sidecar_elsewhere_is_named(delivery, verify, tmp_path):
    moved = tmp_path / "elsewhere.json"
    delivery.sidecar.rename(moved)
    assert verify(delivery.result(FRAME), delivery.matte(FRAME), "--sidecar", moved)[0] == VERIFIED


def changed_sidecar(delivery, change):
    tree = json.loads(delivery.sidecar.read_text())
    change(tree)
    delivery.sidecar.write_text(json.dumps(tree))


def test_a_signed_sidecar_is_valid_however_its_json_is_laid_out(delivery, verify):
    assert (
        only(verify(delivery.folder, "--public-key", delivery.public_key)[1])[0]["signature"]["state"]
        == "valid"
    )
    tree = json.loads(delivery.sidecar.read_text(), parse_float=lambda text: float(text))
    delivery.sidecar.write_text(json.dumps(dict(reversed(tree.items())), indent=7, ensure_ascii=False))
    code, answer = verify(delivery.folder, "--public-key", delivery.public_key)
    assert code == VERIFIED and only(answer)[0]["signature"]["state"] == "valid"


def test_one_changed_number_in_a_signed_sidecar_is_found(delivery, verify):
    def change(tree):
        tree["frames"][0]["quality"]["confidence"] += 0.001

    changed_sidecar(delivery, change)
    code, answer = verify(delivery.folder, "--public-key", delivery.public_key)
    assert code == DIFFERS and only(answer)[0]["signature"]["state"] == "invalid"


def test_a_changed_sample_whose_digests_were_changed_with_it_is_found_by_the_signature(delivery, verify):
    from void_server.plates.delivered import delivered

    rewritten(delivery.result(FRAME), flip("R", inside=True))

    def change(tree):
        frame = next(f for f in tree["frames"] if f["frame"] == FRAME)
        frame["delivered"]["result"] = delivered(delivery.result(FRAME)).digests.to_dict()

    changed_sidecar(delivery, change)
    assert verify(delivery.folder)[0] == VERIFIED, "without the key nobody can tell"
    assert verify(delivery.folder, "--public-key", delivery.public_key)[0] == DIFFERS


def test_the_signature_of_another_key_is_not_valid(delivery, verify, tmp_path):
    _, other = make_key_pair(tmp_path / "other.pem")
    code, answer = verify(delivery.folder, "--public-key", other)
    assert code == DIFFERS and only(answer)[0]["signature"]["state"] == "invalid"


def test_a_missing_signature_cannot_be_checked_where_one_is_required(delivery, verify):
    changed_sidecar(delivery, lambda tree: tree.pop("signature"))
    code, answer = verify(delivery.folder, "--public-key", delivery.public_key)
    assert code == UNKNOWN and only(answer)[0]["signature"]["state"] == "missing"
    assert verify(delivery.folder)[0] == VERIFIED


def test_every_frame_names_its_order_engine_seed_settings_and_sources(made):
    tree = json.loads(made.sidecar.read_text())
    for frame in tree["frames"]:
        for path in (made.result(frame["frame"]), made.matte(frame["frame"])):
            attributes = read_header(path).parts[0].attributes
            said = {name: attributes[f"void/{name}"].text() for name in ("job", "engine", "seed", "plate")}
            engine = f"{tree['engine']['name']} {tree['engine']['version']}"
            assert said == {
                "job": tree["job"]["request_id"],
                "engine": engine,
                "seed": "0",
                "plate": frame["plate"]["content"],
            }
            assert json.loads(attributes["void/options"].text()) == tree["options"]
            mattes = {role: m["content"] for role, m in frame["mattes"].items()}
            assert json.loads(attributes["void/mattes"].text()) == mattes
            assert all(len(a.value) < 4096 for name, a in attributes.items() if name.startswith("void/"))


def test_the_table_for_people_tells_what_a_model_changed(made, capsys):
    assert (
        main(["verify", str(made.folder), "--plate", made.plate, "--public-key", str(made.public_key)]) == 0
    )
    told = capsys.readouterr().out
    assert f"{made.sidecar}: verified" in told and "valid, by the key" in told
    assert "cleanplate" in told and "identical" in told and "5 of 5 files of mattes are verified" in told


def test_the_client_runs_it_and_passes_on_its_words_and_exit_code(made, tmp_path):
    command = [sys.executable, "-m", "void_client", "verify"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def run(*words):
        return subprocess.run(
            [*command, *words], capture_output=True, text=True, check=False, env=environment
        )

    ran = run(made.pattern)
    assert ran.returncode == VERIFIED and "verified" in ran.stdout
    ran = run("--help")
    assert (
        ran.returncode == 0
        and ran.stdout.startswith("usage: void verify")
        and "2  something cannot" in ran.stdout
    )
    assert run("none.####.exr").returncode == UNKNOWN


def test_the_mattes_of_a_quadmask_job_are_checked_too(shot, server, tmp_path, verify):
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    spec = spec_of(shot, str(tmp_path / "masks"))
    spec.kind, spec.settings.engine = jobs_pb2.JOB_KIND_QUADMASK, ""
    job = server.caller.run(spec)
    for output in job.outputs:
        path = result_folder(spec.output, False).path(output.kind, output.frame)
        if path is None:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(server.caller.download(output.blob.digest))
    code, answer = verify(tmp_path / "masks")
    assert code == VERIFIED and {kind for kind, _ in only(answer)[1]} == {"matte"}


def test_an_exr_of_another_program_is_no_result(made, tmp_path, verify):
    channels = {"RGB": np.zeros((4, 4, 3), np.float16)}
    shutil.copy(made.sidecar, tmp_path)
    OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(tmp_path / "shot_void.1002.exr"))
    code, answer = verify(tmp_path / "shot_void.1002.exr")
    assert code == UNKNOWN and "no result of VOID" in str(answer)


@pytest.fixture
def older(tmp_path):
    shutil.copytree(OLDER, tmp_path / "older")
    return tmp_path / "older"


def test_a_delivery_of_an_older_release_is_verified(older, verify):
    result, matte = older / "shot_void.1001.exr", older / "matte" / "shot_void_matte.1001.exr"
    for path in (result, matte):
        rewritten(path, compression="zip", DateTime="2026:01:01 00:00:00")
    code, answer = verify(older, "--public-key", older / "site.pem.pub")
    sidecar, files = only(answer)
    assert code == VERIFIED and sidecar["signature"]["state"] == "valid" and len(files) == 4
    assert all("Another program" in files[kind, 1001]["notes"][0] for kind in ("result", "matte"))


@pytest.mark.parametrize(("inside", "found"), [(True, "inside"), (False, "outside")])
def test_one_flipped_bit_in_a_delivery_of_an_older_release_is_found(older, verify, inside, found):
    rewritten(older / "shot_void.1001.exr", flip("G", inside=inside))
    code, answer = verify(older)
    (said,) = only(answer)[1]["result", 1001]["differences"]
    assert code == DIFFERS and f"{found} the blend matte" in said


@pytest.mark.parametrize("form", [3, "3"])
def test_digests_of_a_later_release_cannot_be_checked(delivery, verify, form):
    def change(tree):
        for frame in tree["frames"]:
            frame["delivered"]["format"] = form

    changed_sidecar(delivery, change)
    code, answer = verify(delivery.result(FRAME))
    assert code == UNKNOWN and "later release" in only(answer)[1]["result", FRAME]["unknown"][0]
