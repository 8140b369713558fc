# SPDX-License-Identifier: Apache-2.0
"""The site file: what it may say, how its mistakes are told, and who wins over whom."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.conftest import ROOT, Command, ServerProcess
from tests.client.test_remove import tree, wish
from tests.small_shot import SmallShot
from void_client.errors import BadInput
from void_client.site import LOCKABLE, MAX_BYTES, Root, Site, load_site, parse_site

FILE = Path("/studio/site.toml")
HOME = {"HOME": "/home/anna", "SHOW": "moon"}


def parsed(text: str) -> Site:
    return parse_site(text, FILE, HOME)


def test_without_the_variable_there_is_no_site():
    assert load_site({}) == Site()


def test_the_bundled_example_is_read():
    example = ROOT / "examples" / "site.toml"
    site = load_site({"VOID_SITE_CONFIG": str(example), **HOME})
    assert site.server == "render01.studio.lan:7788"
    assert (site.token_file, site.ca) == ("/home/anna/.void/token", str(example.with_name("ca.pem")))
    assert site.roots[0] == Root("proj", ("P:\\", "\\\\nas\\proj", "/Volumes/proj", "/mnt/proj"))
    assert site.output_folder("/mnt/proj/sh010/plate/plate.####.exr", "") == "/mnt/proj/sh010/void/plate"
    assert site.options == {"grain": "on", "feather": "12"}
    assert site.locked == {"server", "ca", "cloud_consent", "options.grain"}


def test_paths_know_the_home_folder_the_environment_and_the_folder_of_the_file():
    site = parsed('token_file = "~/t"\nca = "pki/$SHOW.pem"\noutput = "/out/${SHOW}/$$/{plate_name}"')
    assert (site.token_file, site.ca) == ("/home/anna/t", "/studio/pki/moon.pem")
    assert site.output_folder("/p/bg.%04d.exr", "") == "/out/moon/$/bg"


def test_a_built_in_colour_config_is_a_name_and_a_file_is_a_path():
    assert parsed('[defaults]\nocio = "ocio://default"').defaults == {"ocio": "ocio://default"}
    assert parsed('[defaults]\nocio = "show.ocio"').defaults == {"ocio": "/studio/show.ocio"}


def test_values_for_set_may_be_written_as_toml_has_them():
    text = "[defaults.options]\na = true\nb = false\nc = 3\nd = 0.5\ne = 'x'"
    assert parsed(text).options == {"a": "on", "b": "off", "c": "3", "d": "0.5", "e": "x"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("servr = 'a:1'", "servr is no known key"),
        ("[defaults]\ncloud_consent = true", "defaults.cloud_consent is no known key"),
        ("[[roots]]\nname = 'a'\npaths = ['/a']\nmode = 1", "roots[1].mode is no known key"),
        ("server = 7788", "server is not a text"),
        ("server = 'render01'", "not HOST:PORT"),
        ("server = ''", "server is empty"),
        ("ca = ''", "ca is empty"),
        ("ca = '$NOWHERE/ca.pem'", "ca names $NOWHERE, which is not set"),
        ("ca = 'a$'", "has a $ without a name"),
        ("defaults = 3", "defaults is not a table"),
        ("[defaults]\nseed = '7'", "defaults.seed is not a whole number"),
        ("[defaults]\nseed = true", "defaults.seed is not a whole number"),
        ("[defaults]\nengine = 1", "defaults.engine is not a text"),
        ("[defaults.options]\ngrain = [1]", "defaults.options.grain is not a text"),
        ("output = '{plate}/void'", "placeholder {plate}"),
        ("output = '{plate_dir!r}'", "placeholder {plate_dir}"),
        ("output = '{plate_dir.parent}'", "placeholder {plate_dir.parent}"),
        ("output = '{}'", "placeholder {}"),
        ("output = '{plate_dir'", "a brace without its partner"),
        ("roots = 1", "roots is not a list of tables"),
        ("[[roots]]\npaths = ['/a']", "roots[1].name is missing"),
        ("[[roots]]\nname = 'a/b'\npaths = ['/a']", "roots[1].name is 'a/b'"),
        ("[[roots]]\nname = 'a'", "root 'a' has no paths"),
        ("[[roots]]\nname = 'a'\npaths = '/a'", "is not a list of texts"),
        ("[[roots]]\nname = 'a'\npaths = ['proj']", "'proj', which is not absolute"),
        (
            "[[roots]]\nname='a'\npaths=['/a']\n[[roots]]\nname='a'\npaths=['/b']",
            "root 'a' stands there twice",
        ),
        (
            "[[roots]]\nname='a'\npaths=['P:\\x']\n[[roots]]\nname='b'\npaths=['p:/X/']",
            "is a path of the roots 'a' and 'b'",
        ),
        ("locked = 'server'", "locked is not a list of texts"),
        ("locked = ['plate']", "names 'plate', which cannot be locked"),
        ("locked = ['options.']", "names 'options.', which cannot be locked"),
        ("locked = ['server']", "names server, which the file does not set"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_what_to_do(text, told):
    with pytest.raises(BadInput) as raised:
        parsed(text)
    assert told in raised.value.message
    assert str(FILE) in raised.value.message and raised.value.file == str(FILE) and raised.value.fix


@pytest.mark.parametrize("key", ["token_file", "ca", "output", "defaults.ocio"])
@pytest.mark.parametrize(
    ("path", "windows"),
    [
        ("P:\\proj\\x.ocio", False),
        ("P:x.ocio", False),
        ("\\\\nas\\proj\\x.ocio", False),
        ("/mnt/proj/x.ocio", True),
        ("$MOUNT/x.ocio", True),
        ("P:x.ocio", True),
    ],
)
def test_an_absolute_path_of_another_system_is_refused_with_file_and_key(key, path, windows):
    with pytest.raises(BadInput) as raised:
        parse_site(f"{key} = '{path}'", FILE, {"MOUNT": "/mnt"}, windows=windows)
    assert raised.value.message.startswith(f"The site file {FILE}: {key} is '")
    assert (
        "which is no path of this system" in raised.value.message
        and "site file of its own" in raised.value.fix
    )


@pytest.mark.parametrize("path", ["P:\\proj\\x", "\\\\nas\\proj\\x", "//nas/proj/x", "P:/proj/x"])
def test_on_windows_drives_and_shares_are_absolute(path):
    site = parse_site(f"output = '{path}'\nca = '{path}'", FILE, {}, windows=True)
    assert (site.output, site.ca) == (path, path)


def test_a_slip_of_the_pen_is_told_with_its_line():
    with pytest.raises(BadInput, match=r"site\.toml is no TOML: .*line 2"):
        parsed('server = "a:1"\nca = "P:\\x"')


def test_folders_of_other_case_are_two_roots_where_case_counts():
    text = "[[roots]]\nname='a'\npaths=['/mnt/x']\n[[roots]]\nname='b'\npaths=['/mnt/X']"
    assert [r.name for r in parsed(text).roots] == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"server = '\xff'", "is not UTF-8"), (b"#" * (MAX_BYTES + 1), "over 1 MiB"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path, data, told):
    file = tmp_path / "site.toml"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(BadInput, match=told):
        load_site({"VOID_SITE_CONFIG": str(file)})


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "site.toml").write_bytes(b"\xef\xbb\xbfserver = 'a:1'")
    assert load_site({"VOID_SITE_CONFIG": str(tmp_path / "site.toml")}).server == "a:1"


@given(
    document=st.dictionaries(
        st.sampled_from(["server", "ca", "token_file", "output", "locked", "x"]),
        st.one_of(
            st.integers(),
            st.booleans(),
            st.sampled_from(LOCKABLE),
            st.text(string.printable.translate(dict.fromkeys(range(32))), max_size=9),
        ),
    )
)
def test_whatever_stands_there_it_is_a_site_or_bad_input(document):
    def written(value: object) -> str:
        if isinstance(value, str):
            return (
                '"'
                + value.replace("\\", "\\\\").replace('"', '\\"').translate(dict.fromkeys(range(32)))
                + '"'
            )
        return str(value).lower()

    try:
        site = parsed("\n".join(f"{k} = {written(v)}" for k, v in document.items()))
    except BadInput as error:
        assert str(FILE) in error.message
    else:
        assert site.file == str(FILE)


# The command, with a site file.


@pytest.fixture
def at_site(void: Command, tmp_path: Path):
    def write(text: str, *environment: str) -> Command:
        (tmp_path / "site.toml").write_text(text)
        void.environment["VOID_SITE_CONFIG"] = str(tmp_path / "site.toml")
        for name in environment:
            void.environment.pop(name)
        return void

    return write


def place(server: ServerProcess) -> str:
    return f"server = '{server.address}'\ntoken_file = '{server.token_file}'\n"


ENVIRONMENT = ("VOID_SERVER", "VOID_TOKEN_FILE")


def test_server_and_token_come_from_the_site_file(at_site, server):
    void = at_site(place(server), *ENVIRONMENT)
    ran = void("doctor", "--json")
    seen = {e["subject"]: e["seen"] for e in ran.events}
    assert (
        ran.code == 0
        and server.address in seen["server"]
        and "site.toml, read; roots: none" in seen["site file"]
    )


def test_the_environment_wins_over_the_site_file(at_site):
    assert at_site("server = '127.0.0.1:1'")("jobs", "list").code == 0


def test_the_command_line_wins_over_the_site_file(at_site, server):
    void = at_site(place(server).replace(server.address, "127.0.0.1:1"), *ENVIRONMENT)
    assert void("jobs", "list").code == 3
    assert void("jobs", "list", "--server", server.address).code == 0


def test_a_lock_wins_over_the_environment_and_the_doctor_says_so(at_site, server):
    void = at_site(place(server) + "locked = ['server']")
    void.environment["VOID_SERVER"] = "127.0.0.1:1"
    ran = void("doctor")
    assert ran.code == 0 and "$VOID_SERVER has no effect" in ran.out


@pytest.mark.parametrize(
    ("locked", "given_options", "named"),
    [
        ("server", ("--server", "127.0.0.1:1"), "server to '"),
        ("server", ("--local",), "server to '"),
        ("engine", ("--engine", "void"), "engine to 'cleanplate'"),
        ("seed", ("--seed", "7"), "seed to its default"),
        ("cloud_consent", ("--cloud-consent",), "cloud_consent to its default"),
        ("options.grain", ("--set", "grain=off"), "options.grain to 'on'"),
        ("options.feather", ("--set", "feather=1"), "options.feather to its default"),
        ("output", ("--out", "elsewhere"), "output to '"),
    ],
)
def test_what_is_locked_cannot_be_changed(at_site, server, shot, locked, given_options, named):
    text = place(server) + f"output = 'results'\nlocked = ['{locked}']\n"
    text += "[defaults]\nengine = 'cleanplate'\n[defaults.options]\ngrain = true"
    arguments = [a for a in wish(shot) if a not in ("--out", "out")]
    ran = at_site(text, *ENVIRONMENT)(*arguments, *given_options)
    assert ran.code == 2 and f"locks {named}" in ran.err and "site.toml" in ran.err


def test_a_locked_output_holds_for_fetching_a_job_too(at_site, server, tmp_path):
    void = at_site(place(server) + "output = 'results'\nlocked = ['output']")
    ran = void("jobs", "fetch", "abcd1234", "--out", str(tmp_path / "elsewhere"))
    assert ran.code == 2 and "locks output to '" in ran.err and "Leave --out out" in ran.err
    assert "locks output" not in void("jobs", "fetch", "abcd1234").err
    free = at_site(place(server) + "output = 'results'")
    assert "locks output" not in free("jobs", "fetch", "abcd1234", "--out", str(tmp_path / "elsewhere")).err


def test_a_locked_value_may_be_repeated(at_site, server):
    void = at_site(place(server) + "locked = ['server']")
    assert void("jobs", "list", "--server", server.address).code == 0


def test_a_removal_goes_where_the_site_says_with_its_defaults(
    at_site, server, shot: SmallShot, tmp_path: Path
):
    text = place(server) + f"output = '{tmp_path}/void/{{plate_name}}'\n"
    text += "[defaults]\nengine = 'cleanplate'\nseed = 5\n[defaults.options]\ngrain = false"
    arguments = [a for a in wish(shot, "--json") if a not in ("--out", "out")]
    ran = at_site(text, *ENVIRONMENT)(*arguments)
    assert ran.code == 0, ran.err
    assert "shot.1001.exr" in tree(tmp_path / "void" / "plate")
    job = at_site(text)("jobs", "show", str(ran.named("job")[0]["id"]), "--json").events[0]
    settings = job["spec"]["settings"]
    assert (settings["engine"], settings["seed"]) == ("cleanplate", "5")
    assert settings["options"]["grain"] == "off"


def test_without_a_folder_from_anybody_it_is_asked_for(void: Command, shot):
    ran = void(*[a for a in wish(shot) if a not in ("--out", "out")])
    assert ran.code == 2 and "--out" in ran.err


def test_the_help_says_what_the_site_file_set(at_site):
    void = at_site("output = '/x/50%/{plate_name}'\nlocked = ['seed']\n[defaults]\nengine = 'void'")
    void.environment["COLUMNS"] = "200"
    text = void("remove", "--help").out
    assert "auto, cleanplate or void (site file: void)" in text
    assert "folder of the results (site file: /x/50%/{plate_name})" in text
    assert "(default: 0) (locked by the site file)" in text


def test_a_broken_site_file_stops_every_command_but_help_and_the_doctor(at_site):
    void = at_site("servr = 'a:1'")
    ran = void("jobs", "list")
    assert ran.code == 2 and "servr is no known key" in ran.err
    assert void("--help").code == 0
    ran = void("doctor", "--json")
    assert ran.code == 3 and ran.events[-1]["subject"] == "site file" and ran.events[-1]["result"] == "fail"
