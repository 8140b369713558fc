# SPDX-License-Identifier: Apache-2.0
"""The probe writes what a report needs, changes nothing, and names nobody."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from void_resolve import probe, probe_render
from void_resolve.host import Host
from void_resolve.screen import find_ui


@pytest.fixture
def probed(resolve_session, tmp_path, monkeypatch):
    """Runs the menu's VOID probe; answers the text that was written."""
    monkeypatch.setenv("VOID_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(probe, "show_dialog", lambda title, text: False)

    def run(*pressed, prepare=None, **options):
        session = resolve_session(**options)
        if prepare:
            prepare(session)
        for name, event in pressed:
            session.click(name, event)
        probe.run(session.menu_globals())
        session.assert_restored()
        assert not session.events
        files = list((tmp_path / "resolve" / "probe").glob("VOID_probe_*.txt"))
        return files[0].read_text(encoding="utf-8") if files else ""

    return run


ONLY_READ = (("OnlyRead", "Clicked"), ("Leave", "Clicked"))


@pytest.mark.parametrize("version", ["19.1", "20.3.2", "21.0", "21.1"])
def test_it_holds_what_the_open_questions_need(probed, version):
    text = probed(*ONLY_READ, version=version)
    for word in (
        *(
            "DaVinci Resolve Studio",
            "## Python",
            "RGBHalfZIP",
            "colorScienceMode",
            "video track 2",
            "marks: ",
        ),
        *("GetSourceStartFrame", "Input Color Space", "external mattes", "dispatcher has", "asked for: no"),
    ):
        assert word in text
    assert "failed" not in text


def test_the_form_of_a_sequence_s_path_can_be_seen_and_not_its_name(probed):
    text = probed(*ONLY_READ)
    assert "File Path: …/xxxx.[1001-1040].exr" in text or "].exr" in text
    assert "shot" not in text and "Reel 1" not in text


def test_closing_its_window_writes_nothing(probed):
    assert probed(("VoidProbe", "Close")) == ""


def test_a_section_that_fails_says_so_and_the_others_go_on(probed):
    text = probed(*ONLY_READ, prepare=lambda session: session.close_timeline() or session.remember())
    assert "## Timeline\nfailed: ArtistError: No timeline is open." in text and "RGBHalfZIP" in text


def test_without_windows_only_the_variable_lets_it_render(probed, monkeypatch):
    asked = []
    monkeypatch.setattr(probe_render, "lines", lambda host: asked.append(host) or [("channels", ["A", "R"])])
    assert "asked for: no" in probed(fault="headless")
    monkeypatch.setenv(probe.VARIABLE, "1")
    assert asked == []
    probed(fault="headless")
    assert len(asked) == 1


def test_the_rendered_frame_s_findings_are_in_it(resolve_session, monkeypatch):
    monkeypatch.setattr(probe_render, "lines", lambda host: [("channels", ["A", "B", "G", "R"])])
    session = resolve_session()
    names = session.menu_globals()
    text = probe.report(Host.find(names), find_ui(names["fusion"], names["bmd"]), True)
    assert "channels: ['A', 'B', 'G', 'R']" in text


def test_neither_names_of_people_nor_their_folders_are_in_it(probed):
    text = probed(*ONLY_READ)
    assert str(Path.home()) + "/" not in text
    user = getpass.getuser()
    assert len(user) <= 2 or f"/{user}/" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/anna/work/secret/a.exr", "~/…/a.exr"),
        ("in '/home/anna/x/y', b", "in '~/…/y', b"),
        ("/home/anna", "~"),
        ("anna wrote", "(user) wrote"),
        ("/opt/resolve/bin", "/opt/resolve/bin"),
    ],
)
def test_paths_below_home_are_shortened(text, shown):
    assert probe.shortened(text, "/home/anna", "anna") == shown


def test_windows_paths_are_shortened_in_both_spellings():
    home = r"C:\Users\anna"
    assert probe.shortened(r"C:\Users\anna\x\y.exr", home, "anna") == "~/…/y.exr"
    assert probe.shortened("C:/Users/anna/x/y.exr", home, "anna") == "~/…/y.exr"


def test_a_folder_that_cannot_be_written_leads_to_the_temporary_one(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(probe.tempfile, "gettempdir", lambda: str(tmp_path))
    assert probe.write(str(tmp_path / "file"), "text").startswith(str(tmp_path / "VOID_probe_"))
