// SPDX-License-Identifier: Apache-2.0
// Starts the page: session, addresses (#/ is the list, #/job/ID a job), news from the server, keys.

import { $, show } from "./dom.js";
import { ApiError, forget, forgetPictures, hasKey, login, logout, me, news } from "./api.js";
import { focusRow, queueKey, setJobs, startQueue } from "./queue.js";
import { startStills, stillsKey, toFrame } from "./stills.js";
import { startPlots } from "./plots.js";
import { clearJob, onStill, setJob, startJob } from "./job.js";

const WAIT_SECONDS = 15;
const PAUSE_MS = 1000, MOST_PAUSE_MS = 15000;

let following = new AbortController();
let last = "";

function place() {
  const found = /^#\/job\/([0-9a-f]{12})$/.exec(location.hash);
  return found ? found[1] : "";
}

function showOnly(id) {
  for (const name of ["login", "queue", "job"]) show($(name), name === id);
}

const pause = (ms, signal) => new Promise((done) => {
  const timer = setTimeout(done, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); done(); });
});

/** Follow what the address names until it changes; a lost server is asked again, ever more slowly. */
async function follow() {
  following.abort();
  following = new AbortController();
  const { signal } = following;
  const id = place();
  const path = id ? `/api/jobs/${id}` : "/api/jobs";
  showOnly(id ? "job" : "queue");
  document.title = id ? "Job – VOID monitor" : "VOID monitor";
  if (id) clearJob();
  let seen = "", first = true, wait = PAUSE_MS;
  while (!signal.aborted) {
    try {
      const began = performance.now();
      const answer = await news(path, seen, seen ? WAIT_SECONDS : 0, signal);
      if (signal.aborted) return;
      $("link").textContent = answer.notice;
      $("link").className = answer.notice ? "lost" : "";
      wait = PAUSE_MS;
      if (answer.tag !== seen) {
        seen = answer.tag;
        if (id) { setJob(answer.job); document.title = `${answer.job.name} – ${answer.job.state} – VOID monitor`; }
        else setJobs(answer);
      } else if (performance.now() - began < 2000) await pause(2000, signal);
      if (first) { first = false; if (id) $("main").focus({ preventScroll: true }); else focusRow(last || undefined); }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 401) { ended("The session has ended. Log in again."); return; }
      if (error instanceof ApiError && error.status === 404) { gone(error.message); return; }
      $("link").textContent = error instanceof ApiError ? error.message : "The server does not answer; trying again …";
      $("link").className = "lost";
      await pause(wait, signal);
      wait = Math.min(wait * 2, MOST_PAUSE_MS);
    }
  }
}

function gone(message) {
  $("link").textContent = message;
  $("link").className = "lost";
  history.replaceState(null, "", "#/");
  follow().then(() => {});
  setTimeout(() => { $("link").textContent = message; $("link").className = "lost"; }, 300);
}

function ended(message = "") {
  following.abort();
  forget();
  forgetPictures();
  clearJob();
  $("who").textContent = "";
  $("link").textContent = "";
  show($("logout"), false);
  showOnly("login");
  $("login-error").textContent = message;
  $("token").focus();
}

function entered(who) {
  $("who").textContent = `${who.name} (${who.role})`;
  show($("logout"), true);
  follow();
}

function openJob(id) {
  last = id;
  location.hash = `#/job/${id}`;
}

$("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("login-error").textContent = "";
  try {
    const who = await login($("token").value.trim());
    $("token").value = "";
    entered(who);
  } catch (error) {
    $("login-error").textContent = error instanceof ApiError ? error.message : "The server does not answer.";
    $("token").select();
  }
});
$("logout").addEventListener("click", async () => { try { await logout(); } catch { /* ended here anyway */ } ended(); });
$("help-button").addEventListener("click", () => $("help").showModal());
window.addEventListener("hashchange", () => { if (hasKey()) follow(); });

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target instanceof HTMLInputElement && event.target.type !== "checkbox") return;
  if (event.key === "?") { $("help").showModal(); event.preventDefault(); return; }
  const taken = !$("queue").hidden ? queueKey(event) : !$("job").hidden ? jobKey(event) : false;
  if (taken) event.preventDefault();
});

function jobKey(event) {
  if (event.key === "Escape") { last = place(); location.hash = "#/"; return true; }
  return stillsKey(event);
}

startQueue(openJob);
startStills(onStill);
startPlots(toFrame);
startJob();
if (hasKey()) me().then(entered, (error) => ended(error instanceof ApiError ? "" : "The server does not answer."));
else ended();
