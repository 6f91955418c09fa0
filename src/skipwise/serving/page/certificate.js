"use strict";
// The page with the certificate of a network, and the comparison that chose it. The address says which network.

function wantToken() {
  complain("This server answers only those who have its token. Open the page to try the network, give the token there, and come back from there.");
}

async function start() {
  const query = new URLSearchParams(location.search);
  const model = { name: query.get("model") ?? "", asked: query.get("version") };
  try {
    const found = await ask(`../${addressOf(model, "")}`);
    const version = found.versions.length > 1 ? `, version ${model.asked ?? found.version}` : "";
    by("title").textContent = `Certificate of ${found.name}${version}`;
    document.title = by("title").textContent;
    by("network").textContent = describe(found);
    const { sections } = await ask(`../${addressOf(model, "/about")}`);
    by("known").replaceChildren(...sections.flatMap(({ title, sentences, headings, rows }) => [
      element("h2", {}, title), ...sentences.map((sentence) => element("p", {}, sentence)),
      ...(rows.length ? [table(title, headings, rows)] : []),
    ]));
  } catch (error) {
    if (error.status !== 401) complain(error.message);
  }
}

start();
