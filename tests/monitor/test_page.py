# SPDX-License-Identifier: Apache-2.0
"""The page in a real headless Chromium, on a real server with a finished job and one that waits."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.monitor.browser import CHROMIUM, NO_CHROMIUM, Browser
from tests.monitor.conftest import token_of
from tests.server.calls import Caller, spec_of
from tests.small_shot import SmallShot
from void_server.configuration import Limits
from void_server.jobs.model import Problem, Progress
from void_server.jobs.states import JobState

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
ROWS = "[...document.querySelectorAll('#rows tr')]"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With room for pages that are turned faster than anybody does: what a left page asked stays open for a second."""
    limits = Limits(max_monitor_connections=256)
    running = RunningServer(tmp_path_factory.mktemp("store"), monitor="127.0.0.1:0", limits=limits)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def hostile(server: RunningServer, shot: SmallShot, done: jobs_pb2.Job) -> str:
    """A job that stands running, with markup wherever an order and a finding have text; put past the doors, which
    refuse such a name.
    """
    spec = spec_of(shot)
    spec.output.name, spec.output.directory, spec.settings.engine = HOSTILE, HOSTILE, HOSTILE
    jobs = server.application._jobs
    server.application._runner.stop()
    job_id = stands_running(server, "f" * 64, spec)
    jobs.add_message(job_id, HOSTILE)
    jobs.add_problem(job_id, Problem("warning", "unclear", HOSTILE, HOSTILE, "plate", (1001,), HOSTILE))
    jobs.set_progress(job_id, Progress("fill", 18, 28, 3, 5, 90.0))
    return job_id


def stands_running(server: RunningServer, request_id: str, spec: jobs_pb2.JobSpec) -> str:
    """A job of anna's that nobody computes; its id."""
    jobs = server.application._jobs
    job, _ = jobs.submit(request_id, spec.SerializeToString(), "anna")
    jobs.transition(job.id, JobState.RUNNING)
    return job.id


@pytest.fixture(scope="module")
def browser(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Ends before the server does, which it would miss."""
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    assert opened.complaints() == []
    opened.close()


@pytest.fixture(scope="module")
def entered(browser: Browser, server: RunningServer, anna: Caller, done: jobs_pb2.Job) -> Browser:
    """Logged in as anna, by the form."""
    browser.open(server.application.monitor_url)
    log_in(browser, anna)
    return browser


def log_in(browser: Browser, caller: Caller) -> None:
    browser.wait("!document.getElementById('login').hidden && document.activeElement.id === 'token'")
    browser.type(token_of(caller))
    browser.press("Enter")
    browser.wait(f"!document.getElementById('queue').hidden && {ROWS}.length")


@pytest.fixture
def queue(entered: Browser) -> Browser:
    entered.resize((1280, 860))
    entered.value("location.hash = '#/'")
    entered.wait(f"!document.getElementById('queue').hidden && {ROWS}.length")
    return entered


@pytest.fixture
def job_page(queue: Browser, done: jobs_pb2.Job) -> Browser:
    queue.value(f"location.hash = '#/job/{done.id}'")
    queue.wait(
        f"document.getElementById('job-title').textContent && location.hash.includes('{done.id}')"
        " && document.getElementById('before').naturalWidth && document.getElementById('after').naturalWidth"
        " && document.querySelector('#plots svg') && document.querySelector('#log li')"
    )
    return queue


def pixels(browser: Browser) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(browser.picture())).convert("RGB")).astype(int)


def stage(browser: Browser) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the picture in the window."""
    box = browser.value(
        "(() => { const s = document.getElementById('stage'); s.scrollIntoView({block: 'center'});"
        " const b = s.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })()"
    )
    return tuple(round(v) for v in box)  # type: ignore[return-value]


def test_a_finished_job_stands_in_the_queue_with_its_picture(queue, done):
    row = f"{ROWS}.find(r => r.dataset.job === '{done.id}')"
    text = queue.value(f"{row}.innerText")
    assert "shot_void" in text and "done" in text and "1001–1005" in text and "anna" in text
    queue.wait(f"{row}.querySelector('.thumb img')?.naturalWidth")


def test_markup_in_names_and_messages_is_shown_as_text(queue, hostile):
    queue.wait(f"{ROWS}.some(r => r.dataset.job === '{hostile}')")
    assert HOSTILE in queue.value(f"{ROWS}.find(r => r.dataset.job === '{hostile}').innerText")
    queue.value(f"location.hash = '#/job/{hostile}'")
    queue.wait("document.querySelectorAll('#log li').length > 2")
    assert queue.text("#job-title") == HOSTILE
    assert HOSTILE in queue.text("#facts") and HOSTILE in queue.text("#problems")
    assert HOSTILE in queue.value("document.getElementById('log').innerText")
    assert queue.value("document.querySelectorAll('#main script, #main img[src=x]').length") == 0
    assert "owned" not in queue.value("document.title").replace(HOSTILE, "")


def test_a_running_job_shows_stage_units_and_time_left_and_moves_by_itself(queue, server, hostile):
    queue.value(f"location.hash = '#/job/{hostile}'")
    queue.wait("document.querySelector('#running [role=progressbar]')")
    assert "stage 18/28: fill 3/5, 1 min 30 s left" in queue.text("#running")
    server.application._jobs.set_progress(hostile, Progress("fill", 18, 28, 4, 5, 45.0))
    queue.wait("document.getElementById('running').innerText.includes('fill 4/5, 45 s left')", 5)
    bar = "document.querySelector('#running [role=progressbar]')"
    assert queue.value(f"{bar}.getAttribute('aria-valuetext')") == "fill 4/5, 45 s left in this stage"


def test_keys_walk_the_jobs_open_one_and_lead_back(queue, hostile, done):
    queue.wait(f"{ROWS}.length > 1")
    queue.press("j")
    for _ in range(queue.value(f"{ROWS}.length")):
        queue.press("k")
    assert queue.value(f"{ROWS}.indexOf(document.activeElement)") == 0
    queue.press("ArrowDown")
    assert queue.value(f"{ROWS}.indexOf(document.activeElement)") == 1
    assert queue.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    here = queue.value("document.activeElement.dataset.job")
    queue.press("Enter")
    queue.wait(f"location.hash === '#/job/{here}' && !document.getElementById('job').hidden")
    queue.press("Escape")
    queue.wait("!document.getElementById('queue').hidden")
    queue.wait(f"document.activeElement.dataset.job === '{here}'")


def test_the_filter_leaves_what_fits_and_escape_brings_all_back(queue, hostile, done):
    queue.wait(f"{ROWS}.length > 1")
    queue.press("/")
    queue.type("running")
    queue.wait(f"{ROWS}.length === 1")
    queue.press("Escape")
    queue.wait(f"{ROWS}.length > 1")


def test_question_mark_shows_the_keys_and_escape_closes_them(queue):
    queue.press("?")
    assert queue.value("document.getElementById('help').open")
    queue.press("Escape")
    queue.wait("!document.getElementById('help').open")
    assert not queue.value("document.getElementById('queue').hidden")


def test_the_wipe_shows_the_object_left_of_it_and_none_to_the_right(job_page):
    left, top, right, bottom = stage(job_page)
    job_page.press("w")

    def reddest() -> int:
        shown = pixels(job_page)[top:bottom, left:right]
        return int((shown[..., 0] - shown[..., 1]).max())

    for _ in range(60):
        job_page.press("ArrowRight")
    assert job_page.value("document.getElementById('handle').getAttribute('aria-valuenow')") == "100"
    before = reddest()
    for _ in range(60):
        job_page.press("ArrowLeft")
    after = reddest()
    assert before > 120 > 90 > after
    job_page.press("b")
    assert reddest() == before


def test_the_wipe_follows_the_mouse(job_page):
    left, top, right, bottom = stage(job_page)
    middle = (top + bottom) / 2
    job_page.mouse((left + 20, middle), (left + 40, middle), (left + (right - left) * 0.25, middle))
    assert job_page.value("document.getElementById('handle').getAttribute('aria-valuenow')") == "25"


def test_m_lays_the_quadmask_over_the_picture_and_takes_it_away(job_page):
    left, top, right, bottom = stage(job_page)
    plain = pixels(job_page)[top:bottom, left:right]
    job_page.press("m")
    job_page.wait("!document.getElementById('regions').hidden")
    masked = pixels(job_page)[top:bottom, left:right]
    changed = np.abs(masked - plain).max(axis=-1) > 8
    assert 0.01 < changed.mean() < 0.5
    job_page.press("m")
    assert np.abs(pixels(job_page)[top:bottom, left:right] - plain).max() <= 1


def test_brackets_step_through_the_stills(job_page):
    frame = "document.getElementById('still-frame').textContent"
    assert job_page.value(frame) == "frame 1003, 3 of 5"
    job_page.press("]")
    job_page.press("]")
    job_page.press("]")
    assert job_page.value(frame) == "frame 1005, 5 of 5"
    job_page.press("[")
    assert job_page.value(frame) == "frame 1004, 4 of 5"
    chosen = "document.querySelector('#strip [aria-selected=true]').textContent"
    assert job_page.value(chosen) == "1004"


def test_plots_are_drawn_from_the_sidecar_and_a_click_leads_to_the_frame(job_page):
    labels = job_page.value(
        "[...document.querySelectorAll('#plots figcaption span')].map(s => s.textContent)"
    )
    assert "Confidence" in labels and "Change over time (flicker)" in labels
    assert job_page.value("document.querySelectorAll('#plots .plot:first-child .point').length") == 5
    note = job_page.text("#quality-note")
    assert "0 on every frame:" in note and "difference outside" in note
    edge = job_page.value(
        "(() => { const s = document.querySelector('#plots svg'); s.scrollIntoView({block: 'center'});"
        " const b = s.getBoundingClientRect(); return [b.right - 4, b.top + b.height / 2]; })()"
    )
    job_page.mouse((edge[0], edge[1]))
    assert job_page.text("#still-frame").startswith("frame 1005")


def test_outliers_are_what_differs_from_the_others_and_not_what_is_merely_last(job_page):
    found = job_page.value(
        "import('/static/plots.js').then(({ outliersOf }) => { const series = (values) =>"
        " values.map((value, i) => ({ frame: i, value })); const flicker = { least: 0.03 };"
        " const sure = { low: true, least: 0.05, bad: (v) => v < 0.3 }; return ["
        "  outliersOf(series([0.4, 0.41, 0.4, 0.39, 0.42, 1.5, 0.4]), flicker).map(p => p.frame),"
        "  outliersOf(series([0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.22]), flicker).map(p => p.frame),"
        "  outliersOf(series([0.9, 0.91, 0.9, 0.5, 0.9, 0.99]), sure).map(p => p.frame),"
        "  outliersOf(series([0.2, 0.2]), sure).map(p => p.frame)]; })"
    )
    assert found == [[5], [], [3], [0, 1]]


def test_the_contact_sheet_opens_and_closes(job_page):
    job_page.click("#paper-buttons button")
    job_page.wait("document.getElementById('paper-picture').naturalWidth > 500")
    job_page.click("#paper-buttons button")
    assert job_page.value("document.getElementById('paper').hidden")


@pytest.mark.parametrize("width", [360, 760, 1280, 2560])
def test_nothing_is_cut_off_at_any_width(job_page, width):
    job_page.resize((width, 900))
    assert job_page.value("document.documentElement.scrollWidth") <= width
    job_page.value("location.hash = '#/'")
    job_page.wait("!document.getElementById('queue').hidden && document.querySelector('#rows .number')")
    if width <= 360:
        # As of a job that runs and is told of at length.
        text = "fill 1234 of 5678, about 25 minutes left"
        job_page.value(
            f"document.querySelectorAll('#rows .number, #rows .state').forEach(e => e.append('{text}'))"
        )
        assert job_page.value("document.documentElement.scrollWidth") <= width


def test_reduced_motion_moves_nothing(job_page):
    job_page.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}]
    )
    moving = job_page.value(
        "document.getAnimations().length + [...document.querySelectorAll('*')]"
        ".filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
    )
    assert moving == 0


def test_a_job_whose_files_were_collected_says_when_and_what_to_do(queue, server, hostile):
    spec = jobs_pb2.JobSpec()
    spec.output.name = "of last year"
    job_id = stands_running(server, "e" * 64, spec)
    server.application._jobs.transition(job_id, JobState.DONE)
    with server.application._database.transaction() as db:
        db.execute("UPDATE job SET collected = 1793973600 WHERE id = ?", (job_id,))
    row = f"{ROWS}.find(r => r.dataset.job === '{job_id}')"
    queue.wait(f"{row}?.innerText.includes('files collected 2026-11-0')")
    queue.value(f"location.hash = '#/job/{job_id}'")
    queue.wait("document.getElementById('facts').innerText.includes('Collected')")
    facts = queue.text("#facts")
    assert "its files are no longer kept; order it again" in facts and "published" not in facts


def test_cancelling_asks_first(queue, server, hostile, shot):
    job_id = stands_running(server, "d" * 64, spec_of(shot))
    queue.value(f"location.hash = '#/job/{job_id}'")
    queue.wait("!document.getElementById('cancel').hidden && document.querySelector('#log li')")
    queue.click("#cancel")
    queue.press("Escape")
    queue.wait("!document.getElementById('confirm').open")
    assert server.application._jobs.state(job_id) is JobState.RUNNING
    queue.click("#cancel")
    queue.click("#confirm .danger")
    queue.wait("document.getElementById('job-state').textContent === 'cancelling'")
    assert server.application._jobs.state(job_id) is JobState.CANCELLING


def test_the_page_asks_its_own_server_for_everything_and_nobody_else(job_page, server):
    hosts = {urlsplit(url).netloc for url in job_page.requested() if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(server.application.monitor_url).netloc}


def test_pictures_do_not_stay_in_the_browser_s_files(job_page, server, done):
    still = jobs_pb2.OUTPUT_KIND_STILL_BEFORE
    digest = next(o.blob.digest for o in done.outputs if (o.kind, o.frame) == (still, 1003))
    wanted = server.caller.download(digest)[400:500]
    files = [p for p in job_page.profile.rglob("*") if p.is_file()]
    assert files and len(wanted) == 100
    assert [p for p in files if wanted in bytes_of(p)] == []


def bytes_of(path: Path) -> bytes:
    """Empty if the browser has deleted the file meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def test_a_revoked_session_leads_back_to_the_form_and_a_wrong_token_is_told(queue, anna):
    queue.value("localStorage.setItem('void-monitor-key', 'x')")
    queue.value("location.hash = '#/x'")
    queue.wait("!document.getElementById('login').hidden")
    assert "Log in again" in queue.text("#login-error")
    queue.type("wrong token")
    queue.press("Enter")
    queue.wait("document.getElementById('login-error').innerText.includes('missing, wrong or revoked')")
    assert queue.value("document.querySelectorAll('#log li').length") == 0
    refused = [c for c in queue.complaints() if "401" not in c]
    assert refused == []
    queue.seen.clear()
    log_in(queue, anna)
