// Draws every .plot over the JSON beside it. The page shows the same numbers as a table.
"use strict";

(() => {
  const HEIGHT = 240;
  const DAYS = [1, 2, 5, 7, 14, 30, 60, 90].map((many) => many * 86400);
  const drawn = new Map();
  const number = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    return {
      text: of("--faint"),
      grid: of("--line"),
      series: [1, 2, 3, 4, 5, 6].map((place) => of(`--series-${place}`)),
    };
  };

  // What stands beside the pointer: the day and the value of every line that is shown.
  const tip = (data) => {
    const box = document.createElement("div");
    box.className = "chart-tip";
    box.hidden = true;
    const fill = (plot) => {
      const { left, top, idx } = plot.cursor;
      box.hidden = idx == null || left < 0;
      if (box.hidden) return;
      const lines = [data.time === false ? String(data.x[idx]) : day(data.x[idx])];
      data.series.forEach((one, place) => {
        const value = one.values[idx];
        if (plot.series[place + 1].show && value != null) {
          lines.push(`${one.label}: ${number.format(value)} ${data.unit || ""}`);
        }
      });
      box.textContent = lines.join("\n");
      const right = left > plot.over.clientWidth / 2;
      box.style.left = right ? "" : `${left + 12}px`;
      box.style.right = right ? `${plot.over.clientWidth - left + 12}px` : "";
      box.style.top = `${Math.max(0, top - 12)}px`;
    };
    return { hooks: { init: (plot) => plot.over.append(box), setCursor: fill } };
  };

  const axes = (data, palette) => {
    const common = { stroke: palette.text, grid: { stroke: palette.grid, width: 1 }, ticks: { stroke: palette.grid } };
    const marks = (_, values) => values.map((value) => short.format(value));
    const days = data.time === false ? {} : { label: "day (UTC)", labelSize: 20, space: 60, incrs: DAYS, values: (_, at) => at.map((each) => day(each).slice(5)) };
    return [{ ...common, ...days },
      { ...common, size: 60, label: data.unit || undefined, labelSize: 20, values: marks }];
  };

  const series = (data, palette) => [
    data.time === false ? {} : { label: "Day", value: (_, at) => (at == null ? "—" : day(at)) },
    ...data.series.map((one, place) => ({
      label: one.label,
      stroke: palette.series[place % palette.series.length],
      width: 2,
      // More lines than colours: the next ones are dashed.
      dash: place < palette.series.length ? undefined : [6, 4],
      points: { show: data.x.length < 40, size: 5 },
      value: (_, value) => (value == null ? "—" : `${number.format(value)} ${data.unit || ""}`),
    })),
  ];

  const draw = (plot) => {
    const data = JSON.parse(document.getElementById(plot.dataset.chart).textContent);
    const palette = colours();
    const options = {
      width: plot.clientWidth,
      height: HEIGHT,
      plugins: [tip(data)],
      cursor: { drag: { x: false, y: false } },
      scales: {
        x: { time: data.time !== false },
        // From nothing on: a line that is cut off below looks as if it had changed much.
        y: { range: (_, least, most) => [Math.min(0, least ?? 0), Math.max(most ?? 0, 0) * 1.08 || 1] },
      },
      axes: axes(data, palette),
      series: series(data, palette),
    };
    // Days are drawn as UTC, as the house counts them.
    if (data.time !== false) options.tzDate = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");
    drawn.get(plot)?.destroy();
    drawn.set(plot, new uPlot(options, [data.x, ...data.series.map((one) => one.values)], plot));
  };

  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) drawn.get(target)?.setSize({ width: target.clientWidth, height: HEIGHT });
  });
  const plots = (within) => within.querySelectorAll(".plot[data-chart]");
  const all = (within) => {
    for (const plot of plots(within)) {
      if (drawn.has(plot)) continue;
      draw(plot);
      resized.observe(plot);
    }
  };
  document.addEventListener("DOMContentLoaded", () => all(document));
  document.addEventListener("htmx:after:swap", () => all(document));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [...drawn.keys()].forEach(draw));
})();
