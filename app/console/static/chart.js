// Draws every .plot over the JSON beside it. The page shows the same numbers as a table.
"use strict";

(() => {
  const HEIGHT = 240;
  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    return {
      text: of("--faint"),
      grid: of("--line"),
      series: [1, 2, 3, 4, 5, 6].map((number) => of(`--series-${number}`)),
    };
  };

  const draw = (plot) => {
    const data = JSON.parse(document.getElementById(plot.dataset.chart).textContent);
    const palette = colours();
    const axis = { stroke: palette.text, grid: { stroke: palette.grid, width: 1 }, ticks: { stroke: palette.grid } };
    const number = new Intl.NumberFormat("en");
    const options = {
      width: plot.clientWidth,
      height: HEIGHT,
      scales: { x: { time: data.time !== false } },
      axes: [axis, { ...axis, size: 70, label: data.unit || undefined, values: (_, marks) => marks.map((mark) => number.format(mark)) }],
      series: [
        data.time !== false ? { value: "{YYYY}-{MM}-{DD}" } : {},
        ...data.series.map((one, index) => ({
          label: one.label,
          stroke: palette.series[index % palette.series.length],
          width: 2,
          value: (_, value) => (value == null ? "—" : `${number.format(value)} ${data.unit || ""}`),
        })),
      ],
    };
    // Days are drawn as UTC, as the house counts them.
    if (data.time !== false) options.tzDate = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");
    plot.replaceChildren();
    return new uPlot(options, [data.x, ...data.series.map((one) => one.values)], plot);
  };

  const all = () => {
    for (const plot of document.querySelectorAll(".plot[data-chart]")) {
      const drawn = draw(plot);
      new ResizeObserver(() => drawn.setSize({ width: plot.clientWidth, height: HEIGHT })).observe(plot);
    }
  };
  document.addEventListener("DOMContentLoaded", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload());
})();
