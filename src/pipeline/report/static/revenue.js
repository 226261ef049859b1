// Draws the revenue charts from the JSON in the page. Without scripts, the table shows the same.
"use strict";

const data = JSON.parse(document.getElementById("chart-data")?.textContent ?? "null");

function describe(bar) {
  const people = bar.patients === undefined ? "" : `, ${bar.patients} patient${bar.patients === 1 ? "" : "s"}`;
  return `${bar.when}: ${bar.text} from ${bar.claims} claim${bar.claims === 1 ? "" : "s"}${people}`;
}

function specification(category, highest, colours) {
  // The page brings the labels of its own time zone: a scale only knows UTC and the browser's zone.
  const places = JSON.stringify(data.labels.map((label) => label.at));
  const texts = JSON.stringify(data.labels.map((label) => label.text));
  const span = { x: { field: "start", type: "temporal", scale: { type: "utc", nice: false }, axis: { values: { expr: places }, labelExpr: `${texts}[indexof(${places}, toNumber(datum.value))]` }, title: null }, x2: { field: "end" } };
  const bars = data.bars
    .filter((bar) => bar.category === category)
    .map((bar) => ({ ...bar, description: describe(bar) }));
  const blanks = data.blanks.map((blank) => ({ ...blank, description: `${blank.when}: ${blank.why}` }));
  const told = { tooltip: { field: "description" }, href: { field: "link" } };
  return {
    width: "container",
    height: 150,
    background: null,
    autosize: { type: "fit-x", contains: "padding" },
    // Layers without data are left out below: the library warns about their empty extent.
    layer: [
      {
        data: { values: blanks },
        mark: { type: "rect", aria: false },
        encoding: {
          ...span,
          color: { condition: { test: "datum.why === 'held back'", value: colours.held }, value: colours.gap },
          tooltip: told.tooltip,
        },
      },
      {
        data: { values: bars },
        mark: { type: "bar", color: colours.series, x2Offset: -1 },
        encoding: { ...span, y: { field: "revenue", type: "quantitative", scale: { domain: [0, highest] }, title: null, axis: { tickCount: 4, format: ",~f" } }, y2: { datum: 0 }, description: { field: "description" } },
      },
      {
        data: { values: bars.filter((bar) => bar.revenue === 0) },
        mark: { type: "rule", color: colours.series, strokeWidth: 3, x2Offset: -1, aria: false },
        encoding: { ...span, y: { datum: 0 } },
      },
      {
        // A bar of full height under the pointer, so that low bars can be clicked too.
        data: { values: bars },
        params: [{ name: "pointed", select: { type: "point", on: "pointerover", clear: "pointerout" } }],
        mark: { type: "rect", color: colours.text, aria: false },
        encoding: { ...span, ...told, opacity: { condition: { param: "pointed", empty: false, value: 0.15 }, value: 0 } },
      },
    ].filter((layer) => layer.data.values.length),
    config: {
      font: "system-ui, sans-serif",
      view: { stroke: null },
      axis: { labelColor: colours.quiet, gridColor: colours.line, domainColor: colours.line, tickColor: colours.line, labelFontSize: 12 },
      axisX: { grid: false, labelOverlap: "greedy", labelSeparation: 8, labelFlush: true },
    },
  };
}

function draw() {
  const highest = Math.max(...data.bars.map((bar) => bar.revenue), 1);
  document.querySelectorAll(".drawing").forEach((place) => {
    const category = place.dataset.category;
    const series = `series-${(data.categories.indexOf(category) % 6) + 1}`;
    const colours = { series: colour(series), gap: colour("gap"), held: colour("held"), line: colour("line"), quiet: colour("quiet"), text: colour("text") };
    embed(place, specification(category, highest, colours));
  });
}

// A link to a window opens the details of its figures.
function openTarget() {
  const row = window.location.hash && document.getElementById(window.location.hash.slice(1));
  const how = row && row.querySelector("details");
  if (how) {
    how.open = true;
    row.scrollIntoView({ block: "center" });
  }
}

if (data && data.bars.length) {
  draw();
  dark.addEventListener("change", draw);
}
window.addEventListener("hashchange", openTarget);
openTarget();
