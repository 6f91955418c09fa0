// Tables that are wider than their place say that they scroll, and can be reached by keyboard.
const places = document.querySelectorAll(".scroll");
const look = () => places.forEach(place => {
  const wide = place.scrollWidth > place.clientWidth + 1;
  place.classList.toggle("wide", wide);
  if (wide) {
    place.tabIndex = 0;
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", "Scrolls sideways");
  } else {
    ["tabindex", "role", "aria-label"].forEach(name => place.removeAttribute(name));
  }
});
addEventListener("resize", look);
document.addEventListener("toggle", look, true);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => { part.open = true; }));
look();
