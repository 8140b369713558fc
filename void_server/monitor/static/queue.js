// SPDX-License-Identifier: Apache-2.0
// The list of jobs.

import { $, badge, clock, duration, frames, make, meter, show } from "./dom.js";
import { picture } from "./api.js";

let jobs = [];
let most = 0;
let chosen = "";
let open = () => {};

// Only rows that are in sight ask for their picture.
const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    sight.unobserve(entry.target);
    picture(`/api/jobs/${entry.target.dataset.job}/thumb`, entry.target.dataset.version)
      .then((url) => entry.target.replaceChildren(make("img", { src: url, alt: "", width: 88, height: 50 })))
      .catch(() => {});
  }
});

export function startQueue(onOpen) {
  open = onOpen;
  $("filter").addEventListener("input", draw);
  $("filter").addEventListener("keydown", (event) => {
    if (event.key === "Escape") { $("filter").value = ""; draw(); focusRow(); event.stopPropagation(); }
    if (event.key === "Enter" || event.key === "ArrowDown") { focusRow(); event.preventDefault(); event.stopPropagation(); }
  });
}

export function setJobs(answer) {
  jobs = answer.jobs;
  most = answer.most;
  draw();
}

const wanted = (job, words) => {
  const text = `${job.name} ${job.owner} ${job.state} ${job.id} ${job.engine}`.toLowerCase();
  return words.every((word) => text.includes(word));
};

function draw() {
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = jobs.filter((job) => wanted(job, words));
  const rows = new Map([...$("rows").children].map((row) => [row.dataset.job, row]));
  const focused = document.activeElement?.dataset?.job;
  const list = shown.map((job) => {
    const text = JSON.stringify(job);
    const old = rows.get(job.id);
    if (old && old.dataset.text === text) return old;
    const row = drawRow(job, old?.querySelector(".thumb div"));
    row.dataset.text = text;
    return row;
  });
  if (list.length !== $("rows").children.length || list.some((row, i) => row !== $("rows").children[i])) {
    $("rows").replaceChildren(...list);
    if (focused) rowOf(focused)?.focus();
  }
  markChosen();
  const live = jobs.filter((job) => ["queued", "running", "cancelling"].includes(job.state)).length;
  const more = jobs.length >= most && most ? ` (the newest ${most})` : "";
  $("queue-count").textContent = `${shown.length === jobs.length ? jobs.length : `${shown.length} of ${jobs.length}`}${more}, ${live} not ended`;
  show($("empty"), jobs.length === 0);
}

function drawRow(job, thumb) {
  const ended = job.finished !== null;
  const collected = job.collected ? `, files collected ${clock(job.collected)}` : "";
  const progress = make("td", { class: "wide" });
  if (job.progress) progress.append(meter(job.progress));
  else if (job.error) progress.append(make("span", { class: "error", text: job.error }));
  else if (job.state === "done") progress.append(make("small", { class: "number", text: `took ${duration(job.finished - job.started)}${collected}` }));
  else if (job.estimated_start) progress.append(make("small", { class: "number", text: `begins about ${clock(job.estimated_start)}` }));
  if (!ended && job.estimated_finish) progress.append(make("small", { class: "number", text: ` ends about ${clock(job.estimated_finish)}` }));
  const picture = thumb ?? make("div");
  if (!picture.firstChild && job.state === "done" && !job.collected) {
    picture.dataset.job = job.id;
    picture.dataset.version = String(job.finished);
    sight.observe(picture);
  }
  const engine = job.kind === "quadmask" ? "quadmask" : job.engine || "auto";
  return make("tr", { tabindex: -1, "data-job": job.id, "aria-label": `${job.name}, ${job.state}`, on: {
    click: () => open(job.id), focus: () => { chosen = job.id; markChosen(); },
  } },
  make("td", { class: "thumb" }, picture),
  make("td", {}, make("div", { class: "name", text: job.name }),
    make("small", { text: `${job.id} · ${engine}${job.preview ? " · preview" : ""}${job.attempt > 1 ? ` · attempt ${job.attempt}` : ""}` })),
  make("td", {}, badge(job.state)),
  progress,
  make("td", { class: "number extra", text: frames(job) }),
  make("td", { class: "owner", text: job.owner }),
  make("td", { class: "number when", text: clock(job.created) }));
}

const rowOf = (id) => [...$("rows").children].find((row) => row.dataset.job === id);

/** One row of the table takes part in tabbing. */
function markChosen() {
  const rows = [...$("rows").children];
  const current = rows.find((row) => row.dataset.job === chosen) ?? rows[0];
  for (const row of rows) row.tabIndex = row === current ? 0 : -1;
}

export function focusRow(id = chosen) {
  (rowOf(id) ?? $("rows").firstElementChild)?.focus();
}

/** Keys of the list; returns whether one was taken. */
export function queueKey(event) {
  const rows = [...$("rows").children];
  const here = rows.indexOf(document.activeElement);
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (step) {
    const next = here < 0 ? Math.max(0, rows.findIndex((r) => r.tabIndex === 0)) : here + step;
    rows[Math.min(rows.length - 1, Math.max(0, next))]?.focus();
    return true;
  }
  if (event.key === "Home" || event.key === "End") { rows.at(event.key === "Home" ? 0 : -1)?.focus(); return here >= 0; }
  if (event.key === "Enter" && here >= 0) { open(rows[here].dataset.job); return true; }
  if (event.key === "/") { $("filter").focus(); return true; }
  return false;
}
