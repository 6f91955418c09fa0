"use strict";
// The page to try a network.

const AT_ONCE = 2;
const MOST_FILES = 1000;
const MOST_BARS = 5;
const MOST_COLUMNS = 100;
const TRIES = 8;
const MOST_TOP = 1000; // what the server takes

const state = { models: [], items: [], waiting: [], asking: 0, shown: null, locked: false };

/* Texts */

function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function printable(text) {
  const escaped = (character) => {
    const code = character.codePointAt(0);
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
  };
  const short = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };
  return text.replace(/(?! )[\p{C}\p{Z}]/gu, (character) => short[character] ?? escaped(character));
}

function csvCell(text) {
  // What begins like a formula, or does behind a semicolon, gets an apostrophe; a number stays one.
  const shown = printable(text);
  if (/^[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(shown)) return shown;
  return shown.replace(/(^|;)('*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])/g, "$1'$2");
}

function csvLine(cells) {
  return `${cells.map((cell) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")}\r\n`;
}

function csv(items) {
  const answered = items.filter((item) => item.answer || item.error);
  const classes = new Set();
  for (const item of answered) for (const each of item.answer?.probabilities ?? []) classes.add(each.label);
  const columns = classes.size <= MOST_COLUMNS ? [...classes].sort() : [];
  const several = new Set(answered.map((item) => item.model)).size > 1;
  const more = several ? ["network"] : [];
  const head = ["image", ...more, "label", "probability", "sure", "error", ...columns.map((name) => csvCell(`p_${name}`))];
  const lines = answered.map((item) => {
    const of = new Map((item.answer?.probabilities ?? []).map((each) => [each.label, String(each.probability)]));
    const answer = item.answer ? [csvCell(item.answer.label), String(item.answer.probability), item.answer.sure ? "yes" : "no", ""]
                               : ["", "", "", csvCell(item.error)];
    return csvLine([csvCell(item.name), ...(several ? [csvCell(item.model)] : []), ...answer, ...columns.map((name) => of.get(name) ?? "")]);
  });
  return csvLine(head) + lines.join("");
}

/* Elements */

function drawn(name, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function tell(sentence) {
  by("status").textContent = sentence;
}

/* The server */

function wantToken(wasWrong) {
  state.locked = true;
  sessionStorage.removeItem(TOKEN);
  by("token-form").hidden = false;
  by("ask").hidden = true;
  complain(wasWrong ? "That is not the token of this server." : "");
  by("token").focus();
}

async function pause(seconds) {
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
}

async function patiently(address, options) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask(address, options);
    } catch (error) {
      if (![429, 503].includes(error.status) || attempt === TRIES) throw error;
      tell(`The server is busy; asking again in ${error.after} s.`);
      await pause(error.after);
    }
  }
}

/* Networks */

function chosen() {
  return state.models[by("model").selectedIndex] ?? state.models[0];
}

function named(model, also = {}) {
  // The newest is asked for without its number, so that its successor answers once it has one.
  return new URLSearchParams({ model: model.name, ...(model.asked === null ? {} : { version: model.asked }), ...also });
}

async function start() {
  let found;
  try {
    found = await ask("v1/models");
  } catch (error) {
    if (error.status !== 401) complain(error.message);
    return;
  }
  state.locked = false;
  by("token-form").hidden = true;
  by("ask").hidden = false;
  complain("");
  state.models = found.models.flatMap((model) => [...model.versions].reverse().map((version, place) => ({ ...model, version, asked: place ? version : null })));
  const names = state.models.map((model) => (model.versions.length > 1 ? `${model.name}, version ${model.version}` : model.name));
  by("model").replaceChildren(...names.map((name) => element("option", {}, name)));
  by("which").hidden = state.models.length < 2;
  await present();
}

async function present() {
  const model = chosen();
  by("title").textContent = `Try ${model.name}`;
  document.title = `Try ${model.name}`;
  by("network").textContent = describe(model);
  by("about").href = `page/certificate.html?${named(model)}`;
  by("drift").lastElementChild.replaceChildren();
  if (by("drift").open) await showDrift();
}

/* Images */

function add(files) {
  const images = [...files].slice(0, MOST_FILES - state.items.length);
  complain(images.length < files.length ? `This page takes ${count(MOST_FILES, "image")} at a time; the others were left out.` : "");
  if (!images.length) return;
  const model = chosen();
  const added = images.map((file) => ({ file, name: file.name || "pasted image", model: model.name, of: model, url: URL.createObjectURL(file), answer: null, error: null, row: null }));
  state.items.push(...added);
  state.waiting.push(...added);
  if (state.items.length > 1) {
    for (const item of state.items) if (item.row === null) addRow(item);
    by("several").hidden = false;
  }
  state.shown = null; // the first of these is shown
  next();
}

function next() {
  while (!state.locked && state.asking < AT_ONCE && state.waiting.length) {
    state.asking += 1;
    predict(state.waiting.shift()).finally(() => {
      state.asking -= 1;
      next();
    });
  }
  const left = state.waiting.length + state.asking;
  if (left && state.items.length > 1) tell(`Answered ${state.items.length - left} of ${count(state.items.length, "image")}.`);
  else if (left) tell("Asking the network.");
}

async function predict(item) {
  const { of: model } = item;
  const asked = named(model, { top: String(Math.min(model.number_of_classes, MOST_TOP)) });
  if (model.explains) asked.set("explain", "1");
  try {
    if (!item.file.size) throw new Refused(422, "The file is empty.", 0);
    const found = await patiently(`v1/predict?${asked}`, { method: "POST", body: item.file, headers: { "Content-Type": "application/octet-stream" } });
    item.answer = found.answers[0];
    item.threshold = found.threshold;
    if (item.answer.error) throw new Refused(422, item.answer.error, 0);
  } catch (error) {
    item.answer = null;
    item.error = error.message;
    if (error.status === 401) { // asked again once the token is there
      item.error = null;
      state.waiting.unshift(item);
      return;
    }
  }
  if (!state.items.includes(item)) return;
  if (item.row) fillRow(item);
  if (state.shown === null) show(item);
  const left = state.items.filter((each) => !each.answer && !each.error).length;
  if (!left) tell(state.items.length > 1 ? `All ${count(state.items.length, "image")} are answered.` : `${item.name}: ${said(item)}`);
  if (!left && by("drift").open) await showDrift();
}

function said(item) {
  if (item.error) return item.error;
  return `${item.answer.sure ? "" : "not sure, perhaps "}${item.answer.label}, ${percent(item.answer.probability)}`;
}

function show(item) {
  state.shown = item;
  by("result").hidden = false;
  by("picture").src = item.url;
  by("picture").alt = `The image ${item.name}`;
  by("picture").hidden = false;
  by("file").textContent = item.name;
  by("heat").hidden = !item.answer?.heat_map;
  by("bars").hidden = item.answer === null;
  by("result").classList.toggle("unsure", !item.answer?.sure);
  if (item.answer === null) {
    by("answer").textContent = "No answer";
    by("sure").textContent = item.error;
    return;
  }
  const { label, probability, sure, probabilities, heat_map: map } = item.answer;
  by("answer").textContent = sure ? label : `Not sure: perhaps ${label}`;
  by("sure").textContent = sure ? `Probability ${percent(probability)}.`
    : `Its probability of ${percent(probability)} is below ${percent(item.threshold)}, the least at which answers of this network are called sure.`;
  if (map) by("map").src = map;
  by("map").alt = map ? `The image ${item.name}, brighter where it speaks for ${label}` : "";
  by("bars").tBodies[0].replaceChildren(...probabilities.slice(0, MOST_BARS).map(bar));
}

function bar({ label, probability }) {
  const filled = element("span");
  filled.style.width = percent(probability);
  return element("tr", {}, element("th", { scope: "row" }, label),
    element("td", {}, element("span", { class: "bar", "aria-hidden": "true" }, filled)),
    element("td", { class: "number" }, percent(probability)));
}

function addRow(item) {
  const picture = element("img", { src: item.url, alt: "" });
  const button = element("button", { type: "button" }, picture, element("span", {}, item.name));
  button.addEventListener("click", () => {
    show(item);
    by("answer").scrollIntoView({ block: "nearest" });
    by("answer").focus();
  });
  item.row = element("tr", {}, element("td", {}, button), element("td"), element("td", { class: "number" }));
  by("rows").append(item.row);
  if (item.answer || item.error) fillRow(item);
}

function fillRow(item) {
  const [, answer, probability] = item.row.cells;
  if (item.error) {
    answer.replaceChildren(element("span", { class: "warn" }, `No answer: ${item.error}`));
    return;
  }
  answer.textContent = item.answer.label;
  if (!item.answer.sure) answer.replaceChildren(element("span", { class: "warn" }, `Not sure: perhaps ${item.answer.label}`));
  probability.textContent = percent(item.answer.probability);
}

function clear() {
  for (const item of state.items) URL.revokeObjectURL(item.url);
  state.items = [];
  state.waiting = [];
  state.shown = null;
  by("rows").replaceChildren();
  by("several").hidden = true;
  by("result").hidden = true;
  tell("All images are removed.");
  by("choose").focus();
}

function download() {
  const url = URL.createObjectURL(new Blob(["\ufeff", csv(state.items)], { type: "text/csv" }));
  element("a", { href: url, download: "answers.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/* What is known of the network */

async function showDrift() {
  const place = by("drift").lastElementChild;
  if (!state.models.length) return;
  try {
    place.replaceChildren(...drift(await ask(addressOf(chosen(), "/drift"))));
  } catch (error) {
    place.replaceChildren(element("p", { class: "problem" }, error.message));
  }
}

function drift(found) {
  return [
    ...found.sentences.map((sentence) => element("p", {}, sentence)),
    ...(found.measures.length ? [element("p", { class: "soft" }, element("span", { class: "key then" }), " validation images ",
      element("span", { class: "key now" }), " what was asked here")] : []),
    ...found.measures.map(chart),
  ];
}

function chart({ title, parts, then, now, differs, sentence }) {
  const width = 300, height = 90, base = 72, step = width / parts.length, wide = Math.min(step / 2 - 2, 28);
  const highest = Math.max(...then, ...now, 0.01);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${sentence}` });
  parts.forEach((part, place) => {
    const middle = (place + 0.5) * step;
    [[then[place], "then", middle - wide - 1], [now[place], differs ? "now other" : "now", middle + 1]].forEach(([share, kind, x]) => {
      const tall = (share / highest) * (base - 8);
      svg.append(drawn("rect", { class: kind, x, y: base - tall, width: wide, height: tall }));
    });
    const short = part.replace(/^.+\u2013/, "to "); // there is no room for both ends
    svg.append(drawn("text", { x: middle, y: height - 4, "text-anchor": "middle" }, short));
  });
  return element("div", { class: "chart" }, element("h3", {}, title), element("p", { class: differs ? "warn" : "" }, sentence), svg);
}

/* What people do */

function listen() {
  by("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(TOKEN, by("token").value.trim());
    by("token").value = "";
    start().then(next);
  });
  by("choose").addEventListener("click", () => by("files").click());
  by("photograph").addEventListener("click", () => by("camera").click());
  for (const id of ["files", "camera"]) {
    by(id).addEventListener("change", () => {
      add([...by(id).files]);
      by(id).value = "";
    });
  }
  by("model").addEventListener("change", present);
  by("download").addEventListener("click", download);
  by("clear").addEventListener("click", clear);
  by("drift").addEventListener("toggle", () => by("drift").open && showDrift());
  by("picture").addEventListener("error", () => { by("picture").hidden = true; }); // a format that browsers don't show
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) add(files);
  });
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      by("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
      if (kind === "drop" && state.models.length) add(event.dataTransfer.files);
    });
  }
}

listen();
start();
