// Draws every plot of the page in the page's colours, again when these change, and black and narrow for paper.
const dark = matchMedia("(prefers-color-scheme: dark)");
let printing = false;
const plots = new Map([...document.querySelectorAll(".plot")].map(div => [div.id, {
  div, shown: 0, views: JSON.parse(document.querySelector(`[data-of="${div.id}"]`).textContent),
}]));
const draw = ({div, shown, views}) => {
  const {data, layout} = views[shown];
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const width = printing ? 680 : undefined, color = printing ? "#000" : ink;
  // On a phone, names beside points would cover each other; they are under the figure too.
  const roomy = (width ?? div.clientWidth) > 500;
  const fitting = data.map(trace => roomy || !trace.text ? trace : {...trace, mode: "markers"});
  Plotly.react(div, fitting, {...structuredClone(layout), width, font: {...layout.font, color}},
               {responsive: true, displayModeBar: false});
};
const drawAll = () => plots.forEach(draw);
document.querySelectorAll(".switch button").forEach(button => button.addEventListener("click", () => {
  const group = button.parentElement, plot = plots.get(group.dataset.plot);
  group.querySelectorAll("button").forEach(other => other.setAttribute("aria-pressed", other === button));
  plot.shown = Number(button.dataset.view);
  draw(plot);
}));
dark.addEventListener("change", drawAll);
addEventListener("beforeprint", () => {
  printing = true;
  document.querySelectorAll("details").forEach(part => { part.open = true; });
  drawAll();
});
addEventListener("afterprint", () => { printing = false; drawAll(); });
// Pictures of few pixels are shown as what they are.
addEventListener("load", () => document.querySelectorAll("img").forEach(picture => {
  picture.classList.toggle("few-pixels", picture.naturalWidth <= 64);
}));
drawAll();
