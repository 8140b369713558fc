# SPDX-License-Identifier: Apache-2.0
"""What tells two machines apart whose bits may differ."""

from __future__ import annotations

from pathlib import Path

from void_server.pipeline.keys import extensions, numerics, processor

X86 = """\
processor\t: 0
model name\t: AMD EPYC
flags\t\t: fpu sse2 avx2 nx avx512f sha_ni mce
processor\t: 1
model name\t: AMD EPYC
flags\t\t: fpu sse2 avx2 nx avx512f sha_ni mce
"""


def listing(folder: Path, text: str) -> Path:
    (folder / "cpuinfo").write_text(text)
    return folder / "cpuinfo"


def test_machines_of_one_model_name_with_other_vector_code_differ(tmp_path):
    assert processor(listing(tmp_path, X86)) == "AMD EPYC"
    assert extensions(listing(tmp_path, X86)) == "avx2 avx512f sha_ni sse2"
    assert extensions(listing(tmp_path, X86.replace(" avx512f", ""))) == "avx2 sha_ni sse2"


def test_what_no_library_chooses_its_code_by_is_left_out(tmp_path):
    same = X86.replace("mce", "mce ibpb stibp")
    assert extensions(listing(tmp_path, same)) == extensions(listing(tmp_path, X86))


def test_an_arm_processor_tells_its_features(tmp_path):
    assert extensions(listing(tmp_path, "Features\t: fp asimd sve\n")) == "asimd fp sve"


def test_where_nothing_tells_the_machine_s_kind_is_taken(tmp_path):
    assert processor(tmp_path / "absent") and extensions(tmp_path / "absent") == ""


def test_both_are_in_the_key_beside_the_packages():
    found = numerics()
    assert found["model"] == processor() and found["extensions"] == extensions()
    assert found["packages"]["isal"][0].isdigit()
