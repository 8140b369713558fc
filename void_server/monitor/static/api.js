// SPDX-License-Identifier: Apache-2.0
// Calls to the server. The session is a cookie, which scripts cannot read, and a key of this origin, kept here.

const KEY = "void-monitor-key";

export class ApiError extends Error {
  constructor(status, body) {
    super([body.message, body.fix].filter(Boolean).join(" ") || `The server answered ${status}.`);
    this.status = status;
  }
}

export const hasKey = () => Boolean(localStorage.getItem(KEY));
export const forget = () => localStorage.removeItem(KEY);

async function call(path, options = {}) {
  const headers = { "X-Void-Key": localStorage.getItem(KEY) ?? "", ...options.headers };
  const answer = await fetch(path, { ...options, headers, credentials: "same-origin", redirect: "error" });
  if (!answer.ok) {
    let body = {};
    try { body = await answer.json(); } catch { /* not from the server: the status says it */ }
    throw new ApiError(answer.status, body);
  }
  return answer;
}

const post = (path, value) =>
  call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });

export async function login(token) {
  const me = await (await post("/api/login", { token })).json();
  localStorage.setItem(KEY, me.key);
  return me;
}

export async function logout() {
  try { await post("/api/logout", {}); } finally { forget(); }
}

export const me = async () => (await call("/api/me")).json();
export const cancelJob = (id) => post(`/api/jobs/${id}/cancel`, {});

/** What is at `path` when it differs from the tag `seen`, or after `wait` seconds. */
export async function news(path, seen, wait, signal) {
  const query = new URLSearchParams({ seen: seen ?? "", wait: String(wait) });
  return (await call(`${path}?${query}`, { signal })).json();
}

const pictures = new Map();
const MOST_PICTURES = 120;

/** A published file as an address that an <img> takes; kept in memory only. */
export async function picture(path, version = "") {
  const name = `${path} ${version}`;
  if (!pictures.has(name)) {
    const made = call(path).then((a) => a.blob()).then((b) => URL.createObjectURL(b));
    pictures.set(name, made);
    made.catch(() => pictures.delete(name));
    if (pictures.size > MOST_PICTURES) {
      const oldest = pictures.keys().next().value;
      pictures.get(oldest).then((url) => URL.revokeObjectURL(url), () => {});
      pictures.delete(oldest);
    }
  }
  return pictures.get(name);
}

export const sidecar = async (id) => (await call(`/api/jobs/${id}/files/sidecar/0`)).json();

export function forgetPictures() {
  for (const made of pictures.values()) made.then((url) => URL.revokeObjectURL(url), () => {});
  pictures.clear();
}
