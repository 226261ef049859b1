// Draws a row of bars for each measure, from the JSON in the page. The tables show the same numbers.
"use strict";

function specification(drawing, isLast) {
  const highest = Math.max(...drawing.bars.map((bar) => bar.value), 1);
  const quiet = colour("quiet");
  const line = colour("line");
  return {
    description: `${drawing.title}: bar chart; the table below shows the same numbers.`,
    width: "container",
    height: 34,
    background: null,
    autosize: { type: "fit-x", contains: "padding" },
    data: { values: drawing.bars },
    encoding: {
      x: { field: "at", type: "nominal", sort: null, title: null, axis: isLast ? { labelAngle: 0, labelOverlap: true, labelExpr: "peek(split(datum.label, ' '))" } : { labels: false, ticks: false } },
      tooltip: { field: "text" },
      href: { field: "link" },
      description: { field: "text" },
    },
    layer: [
      {
        mark: { type: "bar", color: colour(drawing.tone) },
        encoding: { y: { field: "value", type: "quantitative", title: null, scale: { domain: [0, highest] }, axis: { values: [0, highest], format: ",~f", grid: false } } },
      },
      // An invisible bar of full height under the pointer, so that low bars can be clicked too.
      { mark: { type: "rect", opacity: 0, aria: false } },
    ],
    config: {
      font: "system-ui, sans-serif",
      view: { stroke: null },
      axis: { labelColor: quiet, domainColor: line, tickColor: line, labelFontSize: 11, minExtent: 40, maxExtent: 40 },
      axisX: { minExtent: 0 },
      scale: { bandPaddingInner: 0.15 },
    },
  };
}

function draw(place) {
  const drawings = JSON.parse(document.getElementById(`${place.dataset.chart}-data`).textContent);
  const number = drawings.findIndex((drawing) => drawing.id === place.dataset.drawing);
  embed(place, specification(drawings[number], number === drawings.length - 1));
}

function drawAll() {
  document.querySelectorAll(".drawing").forEach(draw);
}

drawAll();
dark.addEventListener("change", drawAll);
