// Shared by the pages' charts: the colours of the design, and the call that draws a chart.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

// Returns the value of a CSS colour variable, which differs between light and dark.
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const computed = getComputedStyle(probe).color;
  probe.remove();
  return computed;
}

// Draws a chart into an element without evaluating text as code (`ast`), and marks the element
// with data-drawn when it is done.
function embed(place, specification) {
  delete place.dataset.drawn;
  vegaEmbed(place, specification, {
    renderer: "svg",
    actions: false,
    ast: true,
    loader: { target: "_self" },
    tooltip: { theme: dark.matches ? "dark" : "light" },
  }).then(() => { place.dataset.drawn = "true"; });
}
