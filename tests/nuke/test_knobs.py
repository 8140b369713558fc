# SPDX-License-Identifier: Apache-2.0
"""The knobs of the node: those that a compositor looks for, under the server's own names."""

from __future__ import annotations

from gizmos import make
from void_server.pipeline.option_catalogue import CATALOGUE

knobs = make.knobs

LOOKED_FOR = {
    "range mode": "void_range",
    "first": "void_first",
    "last": "void_last",
    "view": "void_view",
    "region of interest": "void_region",
    "background prompt": "void_prompt",
    "quality": "void_quality",
    "seed": "void_seed",
    "remove channel": "void_remove_channel",
    "affected channel": "void_affected_channel",
    "grow": "void_grow",
    "feather": "void_feather",
    "first-frame rule": "void_first_unaffected",
    "regrain": "void_grain",
    "regrain amount": "void_grain_amount",
    "directory": "void_output",
    "version": "void_version",
    "layers to write": "void_passes",
    "compression": "void_compression",
    "submit": "void_remove_button",
    "cancel": "void_cancel_button",
    "reload result": "void_reload",
    "version up": "void_version_up",
    "version down": "void_version_down",
    "version latest": "void_version_latest",
    "open folder": "void_open_folder",
    "job log": "void_job_log",
    "address": "void_server",
    "token file": "void_token_file",
    "test connection": "void_test",
    "status": "void_status",
}
"""What compositors look for in such a node, and the knob that they find. A threshold is missing: mattes are soft here,
and where a model needs hard ones it is the engine that cuts them, at its own size."""


def test_the_node_has_the_knobs_that_compositors_look_for() -> None:
    assert set(LOOKED_FOR.values()) <= {knob.name for knob in knobs.KNOBS}


def test_a_knob_that_sets_an_option_of_the_server_is_called_as_the_option_is() -> None:
    assert [knob.name for knob in knobs.KNOBS if knob.option and knob.name != f"void_{knob.option}"] == []


def test_the_knobs_offer_what_the_server_s_options_take() -> None:
    options = {option.name: option for option in CATALOGUE}
    for knob in knobs.KNOBS:
        if knob.option:
            option = options[knob.option]
            assert option.choices == knob.choices, knob.name
            default = {"on": "true", "off": "false"}.get(option.default_value, option.default_value)
            assert knob.default == (default if option.type == "switch" else option.default_value), knob.name
