# SPDX-License-Identifier: Apache-2.0
"""Folders of versions, and the record of a job."""

import json
import threading

import pytest
from void_nuke import folders


def test_a_version_is_never_used_twice(tmp_path):
    (tmp_path / "v001").mkdir()
    (tmp_path / "v007").mkdir()
    assert folders.claim_version(str(tmp_path), 1) == 8


def test_the_shown_version_counts_although_its_folder_is_gone(tmp_path):
    assert folders.claim_version(str(tmp_path / "new"), 4) == 5


def test_two_that_claim_at_once_get_two_versions(tmp_path):
    claimed = []
    barrier = threading.Barrier(8)

    def claim():
        barrier.wait()
        claimed.append(folders.claim_version(str(tmp_path), 0))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == list(range(1, 9))


def test_only_folders_of_versions_count(tmp_path):
    for name in ("v002", "v10", "vfx", "v003_old"):
        (tmp_path / name).mkdir()
    assert folders.versions_in(str(tmp_path)) == [2]


def test_a_record_comes_back_as_it_was_left(tmp_path):
    folders.write_record(str(tmp_path), {"job": "abc", "first": 1001})
    assert folders.read_record(str(tmp_path)) == {"job": "abc", "first": 1001}
    assert [p.name for p in tmp_path.iterdir()] == [folders.RECORD]


def test_a_record_that_cannot_be_written_leaves_the_old_one_and_no_part(tmp_path):
    folders.write_record(str(tmp_path), {"job": "old"})
    with pytest.raises(TypeError):
        folders.write_record(str(tmp_path), {"job": object()})
    assert folders.read_record(str(tmp_path)) == {"job": "old"}
    assert [p.name for p in tmp_path.iterdir()] == [folders.RECORD]


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_record_that_is_none_is_not_believed(tmp_path, text):
    (tmp_path / folders.RECORD).write_text(text)
    assert folders.read_record(str(tmp_path)) is None


def test_a_record_is_readable_by_people(tmp_path):
    folders.write_record(str(tmp_path), {"job": "abc"})
    assert json.loads((tmp_path / folders.RECORD).read_text()) == {"job": "abc"}


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        (
            "[file dirname [value root.name]]/void/[value name]",
            "[file dirname [value root.name]]/void/[value parent.name]",
        ),
        ("/a/[value void_version]", "/a/[value parent.void_version]"),
        ("[value parent.name]/[value this.name]", "[value parent.parent.name]/[value parent.name]"),
        ("/plain/path", "/plain/path"),
    ],
)
def test_a_text_of_the_node_is_meant_from_the_node_also_inside_of_it(text, inside):
    assert folders.from_inside(text) == inside


def test_paths_have_slashes_on_every_system():
    assert folders.join("C:\\show\\void\\", "v001", "a.exr") == "C:/show/void/v001/a.exr"
