// What the pages' drawings share: colours of the design, and how a drawing gets to its place.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

// Colours that CSS computes for light or dark, as a drawing can use them.
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const computed = getComputedStyle(probe).color;
  probe.remove();
  return computed;
}

// Draws without evaluating text as code; the place says when it is done.
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
