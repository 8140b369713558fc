// SPDX-License-Identifier: Apache-2.0
// The sidecar's figures of each frame as plots; outliers are ringed.

import { $, make, makeSvg, show } from "./dom.js";

// Name in the sidecar, label and unit. `bad`: values that stand out whatever the others are. `least`: what a frame must
// differ by from the median to stand out. `low`: low values are the worse ones. `span`, `from`: the axis.
const FIGURES = [
  { at: ["quality", "confidence"], label: "Confidence", unit: "0 to 1", low: true, bad: (v) => v < 0.3, least: 0.05, span: [0, 1] },
  { at: ["quality", "change_over_time"], label: "Change over time (flicker)", unit: "stops", least: 0.03 },
  { at: ["fill", "ring_psnr"], label: "Hidden ring rebuilt", unit: "dB", low: true, bad: (v) => v < 24, least: 2, from: 20 },
  { at: ["fill", "ring_error"], label: "Sources disagree around the hole (seam)", unit: "difference", least: 0.01 },
  { at: ["fill", "coverage"], label: "Seen in other frames", unit: "share", low: true, least: 0.02, span: [0, 1] },
  { at: ["fill", "unseen"], label: "Made up, no frame shows it", unit: "share", least: 0.005 },
  { at: ["fill", "synthesised"], label: "Made up by the model", unit: "share", least: 0.02 },
  { at: ["quality", "changed_percent"], label: "Changed pixels", unit: "%", least: 0.5 },
  { at: ["quality", "clipped"], label: "Clipped samples", unit: "samples", bad: (v) => v > 0, least: 1 },
  { at: ["quality", "unfilled"], label: "Unfilled samples", unit: "samples", bad: (v) => v > 0, least: 1 },
  { at: ["quality", "outside_difference"], label: "Difference outside (must be 0)", unit: "", bad: (v) => v !== 0, least: 0 },
  { at: ["quality", "remove_percent"], label: "Remove region", unit: "% of the picture", least: 1 },
  { at: ["quality", "affected_percent"], label: "Affected region", unit: "% of the picture", least: 1 },
  { at: ["quality", "overlap_percent"], label: "Overlap", unit: "% of the picture", least: 1 },
  { at: ["segmented", "confidence"], label: "Matte's confidence", unit: "0 to 1", low: true, bad: (v) => v < 0.3, least: 0.05, span: [0, 1] },
];

const WIDTH = 420, HEIGHT = 132, LEFT = 52, RIGHT = 8, TOP = 10, BOTTOM = 20;
const MOST_POINTS = 150;
// An outlier is further from the median than 5 scaled median deviations (1.4826 of one is a standard deviation of
// normal noise), and than a tenth of the median itself: a steady curve has none.
const FAR = 5 * 1.4826, LEAST = 0.1;

let cursors = [];
let go = () => {};

export function startPlots(onFrame) {
  go = onFrame;
}

export function setFigures(papers) {
  cursors = [];
  const all = papers?.frames ?? [];
  const plots = FIGURES.map((figure) => ({ figure, series: read(all, figure.at) })).filter((p) => p.series.length);
  show($("quality"), plots.length > 0);
  const told = plots.map(({ figure, series }) => ({ figure, series, outliers: outliersOf(series, figure) }));
  const still = told.filter((p) => p.figure.bad && p.series.every((v) => v.value === 0));
  const drawn = told.filter((p) => !still.includes(p));
  $("plots").replaceChildren(...drawn.map((p) => plot(p, all)));
  const frames = new Set(told.flatMap((p) => p.outliers.map((v) => v.frame)));
  const zero = still.length ? ` 0 on every frame: ${still.map((p) => p.figure.label.toLowerCase()).join(", ")}.` : "";
  $("quality-note").textContent = (frames.size
    ? `${frames.size} of ${all.length} frames stand out: ${[...frames].sort((a, b) => a - b).slice(0, 20).join(", ")}${frames.size > 20 ? " …" : ""}.`
    : `None of ${all.length} frames stands out.`) + zero + " Click a plot, or ← → on it, to jump to the nearest still.";
}

/** Mark a frame in all plots. */
export function markFrame(frame) {
  for (const { line, x } of cursors) {
    line.setAttribute("x1", x(frame));
    line.setAttribute("x2", x(frame));
    show(line, true);
    line.removeAttribute("hidden");
  }
}

function read(frames, [group, name]) {
  return frames
    .map((f) => ({ frame: f.frame, value: f[group]?.[name] }))
    .filter((p) => typeof p.value === "number" && Number.isFinite(p.value));
}

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

export function outliersOf(series, figure) {
  const values = series.map((p) => p.value);
  const middle = median(values);
  const scatter = median(values.map((v) => Math.abs(v - middle)));
  const far = Math.max(FAR * scatter, LEAST * Math.abs(middle), figure.least);
  return series.filter(({ value }) => {
    if (figure.bad?.(value)) return true;
    return series.length >= 5 && (figure.low ? middle - value : value - middle) > far;
  });
}

const short = (v) => (v !== 0 && (Math.abs(v) >= 10000 || Math.abs(v) < 0.001) ? v.toExponential(1) : String(Number(v.toPrecision(3))));

function plot({ figure, series, outliers }, all) {
  const first = all[0].frame, last = all.at(-1).frame;
  const values = series.map((p) => p.value);
  let [low, high] = figure.span ?? [Math.min(figure.from ?? 0, bound(values, Math.min)), bound(values, Math.max)];
  if (high <= low) high = low + 1;
  const x = (frame) => LEFT + (last === first ? 0.5 : (frame - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const svg = makeSvg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: 0, role: "img",
    "aria-label": `${figure.label}, frames ${first} to ${last}, ${short(bound(values, Math.min))} to ${short(bound(values, Math.max))}`
      + (outliers.length ? `; stands out: ${outliers.slice(0, 10).map((p) => p.frame).join(", ")}` : ""),
  });
  for (const value of [low, (low + high) / 2, high]) {
    svg.append(makeSvg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
      makeSvg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end", text: short(value) }));
  }
  svg.append(makeSvg("text", { x: LEFT, y: HEIGHT - 5, text: first }),
    makeSvg("text", { x: WIDTH - RIGHT, y: HEIGHT - 5, "text-anchor": "end", text: last }));
  const points = series.map((p) => `${x(p.frame).toFixed(1)},${y(p.value).toFixed(1)}`).join(" ");
  svg.append(makeSvg("polyline", { class: "trace", points }));
  if (series.length <= MOST_POINTS) {
    for (const p of series) {
      svg.append(makeSvg("circle", { class: "point", cx: x(p.frame), cy: y(p.value), r: 2 },
        makeSvg("title", { text: `frame ${p.frame}: ${short(p.value)} ${figure.unit}` })));
    }
  }
  for (const p of outliers.slice(0, MOST_POINTS)) {
    svg.append(makeSvg("circle", { class: "outlier", cx: x(p.frame), cy: y(p.value), r: 5 },
      makeSvg("title", { text: `frame ${p.frame}: ${short(p.value)} ${figure.unit}` })));
  }
  const line = makeSvg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, x1: LEFT, x2: LEFT });
  svg.append(line);
  cursors.push({ line, x });
  listen(svg, series, x);
  const worst = outliers.length ? `${outliers.length} stand out` : "";
  return make("figure", { class: "plot" },
    make("figcaption", {}, make("span", { text: figure.label }), make("small", { class: "dim", text: [figure.unit, worst].filter(Boolean).join(" · ") })),
    svg);
}

// Not Math.min(...values): ten thousand frames would be ten thousand arguments.
const bound = (values, pick) => values.reduce((a, b) => pick(a, b), values[0]);

function listen(svg, series, x) {
  let at = 0;
  const jump = (i) => { at = Math.min(series.length - 1, Math.max(0, i)); go(series[at].frame); };
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const wanted = ((event.clientX - box.left) / box.width) * WIDTH;
    let best = 0;
    series.forEach((p, i) => { if (Math.abs(x(p.frame) - wanted) < Math.abs(x(series[best].frame) - wanted)) best = i; });
    jump(best);
  });
  svg.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: series.length - 1 }[event.key];
    if (to === undefined) return;
    jump(to);
    event.preventDefault();
    event.stopPropagation();
  });
}
