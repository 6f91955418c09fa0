"use strict";
// What the pages of the server share. Everything they show comes from its API, and is shown as text.

const TOKEN = "skipwise token"; // in sessionStorage: it is gone with the tab

const by = (id) => document.getElementById(id);

function percent(share) {
  return `${(100 * share).toFixed(1)}%`;
}

function describe(model) {
  const right = model.test_accuracy === null ? "" : `, right on ${percent(model.test_accuracy)} of its test images`;
  return `${model.network} as ${model.format} ${model.precision.toUpperCase()}: ${model.number_of_classes.toLocaleString("en")} classes${right}.`;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function complain(sentence) {
  by("problem").textContent = sentence;
  by("problem").hidden = !sentence;
}

class Refused extends Error {
  constructor(status, sentence, after) {
    super(sentence);
    this.status = status;
    this.after = after;
  }
}

function addressOf(model, part) {
  const version = model.asked === null ? "" : `?${new URLSearchParams({ version: model.asked })}`;
  return `v1/models/${encodeURIComponent(model.name)}${part}${version}`;
}

async function ask(address, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let response;
  try {
    response = await fetch(address, { ...options, headers, credentials: "omit", cache: "no-store" });
  } catch {
    throw new Refused(0, "The server can't be reached; is it still running?", 0);
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) wantToken(token !== null);
  const after = Number(response.headers.get("Retry-After")) || 1;
  throw new Refused(response.status, problem.detail ?? `The server answered with status ${response.status}.`, after);
}

function table(title, headings, rows) {
  const row = (kind, cells) => element("tr", {}, ...cells.map((cell) => element(kind, kind === "th" ? { scope: "col" } : {}, cell)));
  const made = element("table", {}, element("thead", {}, row("th", headings)), element("tbody", {}, ...rows.map((cells) => row("td", cells))));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, made);
}
