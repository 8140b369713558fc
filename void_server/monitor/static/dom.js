// SPDX-License-Identifier: Apache-2.0
// Elements are made here, with text as text: no string is ever read as HTML (the page's policy forbids it too).

export const $ = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

/** An element; `props` are attributes, but `text` (its text), `on` (listeners) and `class`. */
export function make(name, props = {}, ...children) {
  return fill(document.createElement(name), props, children);
}

export function makeSvg(name, props = {}, ...children) {
  return fill(document.createElementNS(SVG, name), props, children);
}

function fill(element, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((c) => c !== null && c !== undefined));
  return element;
}

export function show(element, visible) {
  element.hidden = !visible;
}

/** "42 s", "3 min 20 s", "2 h 05 min". */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
}

/** The time of day, with the date where it is not today. */
export function clock(seconds) {
  const date = new Date(seconds * 1000);
  const two = (n) => String(n).padStart(2, "0");
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const today = new Date().toDateString() === date.toDateString();
  return today ? time : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

export function frames(job) {
  return job.count === 1 ? `${job.first}` : `${job.first}–${job.last}`;
}

/** State as a word with a sign, so that colour is never the only difference. */
export function badge(state) {
  return make("span", { class: `state ${state}`, text: state });
}

/** A bar with its words: stage n/N, units, time left. */
export function meter(progress) {
  const part = progress.total ? progress.done / progress.total : 0;
  const whole = (progress.stage_number - 1 + part) / Math.max(1, progress.stage_count);
  const left = progress.eta_seconds >= 1 ? `, ${duration(progress.eta_seconds)} left in this stage` : "";
  const words = `${progress.stage} ${progress.done}/${progress.total}${left}`;
  const bar = make("i");
  bar.style.width = `${Math.round(part * 100)}%`;
  return make("div", {},
    make("div", {
      class: "meter", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100,
      "aria-valuenow": Math.round(whole * 100), "aria-label": `stage ${progress.stage_number} of ${progress.stage_count}`,
      "aria-valuetext": words,
    }, bar),
    make("small", { class: "number dim", text: `stage ${progress.stage_number}/${progress.stage_count}: ${words}` }));
}
