// SPDX-License-Identifier: Apache-2.0
// The page of one job.

import { $, badge, clock, duration, frames, make, meter, show } from "./dom.js";
import { cancelJob, picture, sidecar } from "./api.js";
import { clearStills, setStills } from "./stills.js";
import { markFrame, setFigures } from "./plots.js";

let job = null;
let papers = "";
let still = null;
const NAMES = { contact_sheet: "Contact sheet", qc_plot: "QC plot" };

export function startJob() {
  $("cancel").addEventListener("click", askCancel);
}

export function clearJob() {
  job = null;
  papers = "";
  still = null;
  clearStills();
  setFigures(null);
  show($("paper"), false);
  $("log").replaceChildren();
}

export function onStill(frame) {
  still = frame;
  markFrame(frame);
}

export function setJob(next) {
  job = next;
  $("job-title").textContent = job.name;
  $("job-state").replaceChildren(badge(job.state));
  show($("cancel"), ["queued", "running"].includes(job.state));
  drawFacts();
  show($("running"), Boolean(job.progress));
  if (job.progress) $("running").replaceChildren(meter(job.progress));
  $("problems").replaceChildren(...job.problems.map((p) =>
    make("li", { class: p.severity, text: [where(p), p.message, p.fix].filter(Boolean).join(" ") })));
  setStills(job);
  drawPapers();
  drawLog();
}

const where = (problem) => {
  const numbers = problem.frames.slice(0, 8).join(", ") + (problem.frames.length > 8 ? " …" : "");
  return numbers ? `${problem.input ? `${problem.input}, ` : ""}frame ${numbers}:` : "";
};

function drawFacts() {
  const files = job.kind === "quadmask" ? job.published.matte : job.published.result;
  const ran = job.started && ((job.finished ?? Date.now() / 1000) - job.started);
  const facts = [
    ["Job", job.id + (job.attempt > 1 ? `, attempt ${job.attempt}` : "")],
    ["Owner", job.owner],
    ["Makes", job.kind === "quadmask" ? "quadmask" : `removal, engine ${job.engine || "auto"}${job.preview ? ", preview" : ""}`],
    ["Frames", job.collected ? frames(job) : `${frames(job)}: ${files} of ${job.count} published`],
    ["Results go to", job.directory],
    ["Submitted", clock(job.created)],
    ["Began", job.started ? clock(job.started) : job.estimated_start ? `about ${clock(job.estimated_start)}` : ""],
    ["Ended", job.finished ? clock(job.finished) : job.estimated_finish ? `about ${clock(job.estimated_finish)}` : ""],
    ["Took", job.finished && ran !== null ? duration(ran) : ""],
    ["Collected", job.collected ? `${clock(job.collected)}: its files are no longer kept; order it again` : ""],
  ];
  $("facts").replaceChildren(...facts.filter(([, value]) => value).map(([name, value]) =>
    make("div", {}, make("dt", { text: name }), make("dd", { text: value }))));
}

async function drawPapers() {
  const kinds = Object.keys(NAMES).filter((kind) => job.papers[kind]);
  show($("papers"), kinds.length > 0);
  const now = JSON.stringify([job.id, job.papers]);
  if (now === papers) return;
  papers = now;
  $("paper-buttons").replaceChildren(...kinds.map((kind) => make("button", {
    type: "button", text: NAMES[kind], "aria-expanded": "false", on: { click: (event) => showPaper(kind, event.currentTarget) },
  })));
  if (!job.papers.sidecar) { setFigures(null); return; }
  try {
    const read = await sidecar(job.id);
    if (now === papers) { setFigures(read); if (still !== null) markFrame(still); }
  } catch { papers = ""; }
}

async function showPaper(kind, button) {
  const open = button.getAttribute("aria-expanded") === "true";
  for (const other of $("paper-buttons").children) other.setAttribute("aria-expanded", "false");
  show($("paper"), !open);
  if (open) return;
  button.setAttribute("aria-expanded", "true");
  $("paper-picture").alt = NAMES[kind];
  $("paper-picture").src = await picture(`/api/jobs/${job.id}/files/${kind}/0`, job.papers[kind]);
}

function drawLog() {
  const log = $("log");
  const last = Number(log.lastElementChild?.dataset.n ?? 0);
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  const fresh = job.log.filter((line) => line.n > last);
  log.append(...fresh.map((line) => make("li", { "data-n": line.n, class: line.level },
    make("time", { datetime: new Date(line.time * 1000).toISOString(), text: clock(line.time) }),
    make("span", { text: line.text }))));
  while (log.children.length > 400) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function askCancel() {
  const dialog = $("confirm");
  const id = job.id;
  $("confirm-text").textContent = `${job.name}: what is finished stays; the same order again goes on from there.`;
  dialog.returnValue = "no";
  dialog.onclose = async () => {
    if (dialog.returnValue !== "yes") return;
    try { await cancelJob(id); } catch (error) { $("link").textContent = error.message; }
  };
  dialog.showModal();
}
