# SPDX-License-Identifier: Apache-2.0
"""Rules of threads, by their ids in `standin.rules`."""

from __future__ import annotations

import threading

import pytest


def worker(call):
    """Runs a call on a thread of its own; its result or exception."""
    found = []

    def run():
        try:
            found.append(call())
        except Exception as error:  # noqa: BLE001
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.found = found
    return thread


def test_n20_only_the_main_thread_calls_nuke(nuke_session):
    session = nuke_session()
    node = session.nuke.nodes.NoOp()
    label = node["label"]
    for call in (
        session.nuke.allNodes,
        node.name,
        label.value,
        lambda: node["label"],
        lambda: session.nuke.ProgressTask("x"),
        lambda: session.nuke.String_Knob("k"),
    ):
        thread = worker(call)
        thread.join(5)
        assert isinstance(thread.found[0], RuntimeError)
    session.expect("thread")
    assert len(session.violations) == 6


def test_n21_on_the_main_thread_it_hangs(nuke_session):
    session = nuke_session()
    for call in (session.nuke.executeInMainThread, session.nuke.executeInMainThreadWithResult):
        with pytest.raises(RuntimeError):
            call(print)
    session.expect("hang")
    assert [one.rule for one in session.violations] == ["N21", "N21"]


def test_n22_work_for_the_main_thread(nuke_session):
    session = nuke_session()
    nuke, seen = session.nuke, []
    thread = worker(lambda: nuke.executeInMainThread(seen.append, "wrapped"))
    thread.join(5)
    assert seen == []
    session.process_events()
    assert seen == ["wrapped"]
    thread = worker(lambda: nuke.executeInMainThreadWithResult(lambda: nuke.nodes.NoOp().name()))
    session.process_events(lambda: not thread.is_alive())
    assert thread.found == ["NoOp1"]
    with pytest.raises(TimeoutError):
        session.process_events(lambda: False, timeout=0.05)


def test_n22_an_exception_is_swallowed(nuke_session):
    session = nuke_session()
    thread = worker(lambda: session.nuke.executeInMainThreadWithResult(lambda: 1 / 0))
    session.process_events(lambda: not thread.is_alive())
    assert thread.found == [None] and "ZeroDivisionError" in session.app.printed[0]
    session.expect("swallowed")


def test_n22_without_the_interface_nothing_runs(nuke_session):
    session = nuke_session(gui=False)
    worker(lambda: session.nuke.executeInMainThread(print)).join(5)
    with pytest.raises(RuntimeError):
        session.process_events()
    thread = worker(lambda: session.nuke.executeInMainThreadWithResult(print))
    thread.join(5)
    assert isinstance(thread.found[0], RuntimeError)
    session.expect("hang")


def test_deferred_calls_wait_for_the_event_loop(nuke_session):
    session = nuke_session()
    import nukescripts

    seen = []
    nukescripts.utils.executeDeferred(seen.append, (1,))
    assert seen == []
    session.process_events()
    assert seen == [1]
