// SPDX-License-Identifier: Apache-2.0
// Before and after with a wipe, the quadmask over them, and the strip of all stills.

import { $, make, show } from "./dom.js";
import { picture } from "./api.js";

let job = null;
let at = 0;
let wipe = 50;
let shown = 0;
let told = () => {};
const STEP = 2;

export function startStills(onFrame) {
  told = onFrame;
  $("earlier").addEventListener("click", () => step(-1));
  $("later").addEventListener("click", () => step(1));
  $("mask").addEventListener("change", mark);
  const drag = (event) => {
    const box = $("stage").getBoundingClientRect();
    setWipe(((event.clientX - box.left) / box.width) * 100);
  };
  $("stage").addEventListener("pointerdown", (event) => {
    if ($("stage").classList.contains("single") || event.button) return;
    $("stage").setPointerCapture(event.pointerId);
    $("handle").focus({ preventScroll: true });
    drag(event);
    event.preventDefault();
  });
  $("stage").addEventListener("pointermove", (event) => {
    if ($("stage").hasPointerCapture(event.pointerId)) drag(event);
  });
  $("handle").addEventListener("keydown", (event) => {
    const to = {
      ArrowLeft: wipe - STEP, ArrowDown: wipe - STEP, ArrowRight: wipe + STEP, ArrowUp: wipe + STEP,
      PageDown: wipe - 10, PageUp: wipe + 10, Home: 0, End: 100,
    }[event.key];
    if (to === undefined) return;
    setWipe(to);
    event.preventDefault();
    event.stopPropagation();
  });
}

export function setStills(next) {
  const same = job && job.id === next.id && JSON.stringify(job.stills) === JSON.stringify(next.stills);
  const other = !job || job.id !== next.id;
  job = next;
  show($("stills"), job.stills.length > 0);
  if (!job.stills.length || same) return;
  if (other) {
    at = Math.floor(job.stills.length / 2);
    wipe = 50;
    $("mask").checked = false;
    for (const id of ["before", "after", "regions"]) $(id).removeAttribute("src");
  }
  at = Math.min(at, job.stills.length - 1);
  drawStrip();
  draw();
}

export function clearStills() {
  job = null;
}

const address = (kind, frame) => `/api/jobs/${job.id}/files/still_${kind}/${frame}`;

function drawStrip() {
  const stills = job.stills;
  $("strip").replaceChildren(...stills.map((still, i) => {
    const kind = still.after ? "after" : "before";
    const small = make("img", { alt: "" });
    picture(address(kind, still.frame), still[kind]).then((url) => { small.src = url; }, () => {});
    return make("button", {
      type: "button", role: "option", tabindex: -1, "aria-label": `Frame ${still.frame}`,
      on: { click: () => go(i) },
    }, small, make("span", { text: still.frame }));
  }));
}

async function draw() {
  const still = job.stills[at];
  const turn = ++shown;
  $("still-frame").textContent = `frame ${still.frame}, ${at + 1} of ${job.stills.length}`;
  [...$("strip").children].forEach((button, i) => {
    button.setAttribute("aria-selected", String(i === at));
    if (i === at) {
      // Not scrollIntoView, which would move the page too.
      const strip = $("strip");
      strip.scrollLeft = button.offsetLeft - strip.offsetLeft - (strip.clientWidth - button.clientWidth) / 2;
    }
  });
  $("stage").classList.toggle("single", !still.after);
  told(still.frame);
  mark();
  try {
    const kinds = ["before", "after", "regions"].filter((kind) => still[kind]);
    const urls = await Promise.all(kinds.map((kind) => picture(address(kind, still.frame), still[kind])));
    if (turn !== shown) return;
    kinds.forEach((kind, i) => { $(kind).src = urls[i]; });
    await $("before").decode();
    const { naturalWidth: width, naturalHeight: height } = $("before");
    // As wide as the page and as high as most of the window, without changing the picture's shape.
    $("stage").style.aspectRatio = `${width} / ${height}`;
    $("stage").style.maxWidth = `min(100%, calc(64vh * ${width / height}))`;
  } catch { /* gone in the meantime: the next news says so */ }
}

function mark() {
  const still = job?.stills[at];
  if (!still) return;
  show($("regions"), $("mask").checked && Boolean(still.regions));
  show($("after-half"), Boolean(still.after));
  $("after-half").style.clipPath = `inset(0 0 0 ${wipe}%)`;
  $("handle").style.left = `${wipe}%`;
  $("handle").setAttribute("aria-valuenow", String(Math.round(wipe)));
  $("handle").setAttribute("aria-valuetext", `${Math.round(wipe)} % before`);
}

function setWipe(value) {
  wipe = Math.min(100, Math.max(0, value));
  mark();
}

function go(index) {
  at = Math.min(job.stills.length - 1, Math.max(0, index));
  draw();
}

const step = (by) => job?.stills.length && go(at + by);

/** Show the still that is nearest to a frame. */
export function toFrame(frame) {
  if (!job?.stills.length) return;
  const far = (i) => Math.abs(job.stills[i].frame - frame);
  let best = 0;
  for (let i = 1; i < job.stills.length; i++) if (far(i) < far(best)) best = i;
  go(best);
}

export function stillsKey(event) {
  if (!job?.stills.length) return false;
  if (event.key === "[") step(-1);
  else if (event.key === "]") step(1);
  else if (event.key === "m") { $("mask").checked = !$("mask").checked; mark(); }
  else if (event.key === "w") $("handle").focus();
  else if (event.key === "b") setWipe(wipe < 50 ? 100 : 0);
  else return false;
  return true;
}
