# SPDX-License-Identifier: Apache-2.0
"""The last choices come back, the site's locks hold, consent is never kept, and the choices make one request."""

from __future__ import annotations

import json

import pytest
from void_resolve.choices import options_of, out_of, points_of, request_of
from void_resolve.errors import ArtistError
from void_resolve.settings import FIRST, Settings, Site, site_of

from tests.resolve.face import Helper, Request

CHOSEN = {**FIRST, "out": "/results"}


def locked(*names, **values):
    return Site("/site.toml", values, {}, frozenset(names))


def made(site=None, consent=False, **values):
    return request_of({**CHOSEN, **values}, consent, site or Site(), Request)


def test_what_was_chosen_comes_back(tmp_path):
    path = str(tmp_path / "resolve" / "settings.json")
    Settings(path).keep({"look": "graded", "handles": 8, "cloud_consent": True, "unknown": 1})
    assert Settings(path).values == {**FIRST, "look": "graded", "handles": 8}
    assert "cloud_consent" not in json.loads((tmp_path / "resolve" / "settings.json").read_text())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"handles": "many", "look": 3, "seed": true}'])
def test_a_broken_file_gives_the_first_values(tmp_path, text):
    (tmp_path / "settings.json").write_text(text)
    assert Settings(str(tmp_path / "settings.json")).values == FIRST


def test_a_file_that_cannot_be_written_holds_for_this_session(tmp_path):
    (tmp_path / "file").write_text("")
    settings = Settings(str(tmp_path / "file" / "settings.json"))
    settings.keep({"look": "graded"})
    assert settings.values["look"] == "graded"


def test_what_the_site_locks_is_left_to_the_site(tmp_path):
    path = str(tmp_path / "settings.json")
    Settings(path).keep({"address": "mine:1", "engine": "void", "quality": "preview", "look": "graded"})
    site = locked("server", "engine", "preview")
    settings = Settings(path, site)
    settings.keep({"engine": "void"})
    assert {n: settings.values[n] for n in ("address", "engine", "quality", "look")} == {
        "address": "",
        "engine": "",
        "quality": "final",
        "look": "graded",
    }


def test_the_site_comes_from_the_helper():
    helper = Helper(
        file="/s.toml", server="render01:7788", output="/res", defaults={"engine": "void"}, locked=["server"]
    )
    site = site_of(helper.answer)
    assert (site.values["address"], site.values["out"], site.values["engine"]) == (
        "render01:7788",
        "/res",
        "void",
    )
    assert site.locks("address") and not site.locks("out")


def test_a_site_file_that_is_wrong_stops_every_request():
    site = site_of({"error": {"message": "/s.toml: line 3 is no TOML.", "fix": "Correct it."}})
    with pytest.raises(ArtistError, match="line 3 is no TOML"):
        made(site)


def test_a_request_holds_what_belongs_to_the_chosen_matte_alone():
    values = {
        "matte_pattern": "/m/a.####.exr",
        "matte_track": "VOID MATTE",
        "points": "1001 5 6; 1002 7.5 8 -",
    }
    files, track, points = (made(matte=matte, **values) for matte in ("files", "track", "points"))
    assert (files.matte_pattern, files.matte_track, files.points) == ("/m/a.####.exr", "", ())
    assert (track.matte_pattern, track.matte_track, track.points) == ("", "VOID MATTE", ())
    assert points.points == ((1001, 5.0, 6.0, True), (1002, 7.5, 8.0, False))


def test_server_options_and_consent_are_handed_on():
    request = made(consent=True, address="h:1", token_file="/t", options="feather=12, grain = off", handles=3)
    assert request.server == {"address": "h:1", "token_file": "/t", "ca": ""}
    assert (request.options, request.cloud_consent, request.handles) == (
        {"feather": "12", "grain": "off", "matte_files": "keys"},
        True,
        3,
    )


def test_the_colour_space_has_a_field_of_its_own():
    assert made(colour_space=" ACEScg ").options["colour_space"] == "ACEScg"
    assert made(colour_space="", options="colour_space=ACEScg").options["colour_space"] == "ACEScg"
    with pytest.raises(ArtistError, match="Leave one of them"):
        made(colour_space="ACEScg", options="colour_space=ACEScct")


def test_a_colour_space_that_the_studio_has_decided_is_left_to_it():
    assert Site(locked=frozenset({"colorspace"})).locks("colour_space")


@pytest.mark.parametrize(("chosen", "sent"), [("auto", "keys"), ("keys", "keys"), ("rgba", None)])
def test_a_file_for_each_key_is_asked_for_unless_four_channels_are_enough(chosen, sent):
    request = made(matte_files=chosen)
    assert (request.options.get("matte_files"), request.matte_files) == (sent, chosen)


def test_what_the_studio_says_of_matte_files_is_left_to_it():
    assert "matte_files" not in made(Site(locked=frozenset({"options.matte_files"}))).options


def test_a_fusion_tool_goes_with_a_fusion_mask_alone():
    tools = [made(matte=matte, matte_tool="Polygon1").matte_tool for matte in ("fusion", "key")]
    assert tools == ["Polygon1", ""]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"matte": "files"}, "No sequence of mattes"),
        ({"matte": "track", "matte_track": " "}, "no name"),
        ({"matte": "points"}, "no points"),
        ({"out": ""}, "no folder for results"),
        ({"out": "there"}, "not a whole path"),
        ({"matte": "files", "matte_pattern": "a.####.exr"}, "not a whole path"),
        ({"options": "feather"}, "NAME=VALUE"),
        ({"points": "1001 5"}, "FRAME X Y"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(values, said):
    with pytest.raises(ArtistError, match=said):
        made(**values)


def test_the_site_s_locks_on_consent_and_options_are_told():
    with pytest.raises(ArtistError, match="cloud"):
        made(locked("cloud_consent"), consent=True)
    with pytest.raises(ArtistError, match="feather"):
        made(locked("options.feather"), options="feather=3")
    with pytest.raises(ArtistError, match="colour_space"):
        made(locked("colorspace"), options="colour_space=ACEScg")


def test_results_go_where_the_site_says_unless_that_speaks_of_the_plate_s_folder():
    assert out_of("", Site(values={"out": "/res"})) == "/res"
    assert out_of("/mine", Site(values={"out": "/res"})) == "/mine"
    with pytest.raises(ArtistError, match="Choose one"):
        out_of("", Site(values={"out": "{plate_parent}/void"}))
    with pytest.raises(ArtistError, match="none for Resolve"):
        out_of("", locked("output", out="/x/{plate_name}"))


@pytest.mark.parametrize("text", ["a b c", "1001 5 6 maybe", "1.5 2 3"])
def test_points_that_cannot_be_read_are_named(text):
    with pytest.raises(ArtistError, match=text):
        points_of(text)


def test_empty_texts_are_no_points_and_no_options():
    assert points_of(" ;\n; ") == () and options_of(" , ;") == {}
