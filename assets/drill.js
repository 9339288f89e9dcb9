// Draws the charts of a drill's report from the data in the page. uPlot draws; this file says what.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const plots = document.getElementById("plots");
  const runs = [["with", data.with], ["without", data.without]].filter(([, run]) => run);
  if (!runs.length || typeof uPlot === "undefined") return;
  const seconds = runs[0][1].at;
  const whole = [seconds[0], seconds[seconds.length - 1]];
  const focus = [Math.max(whole[0], data.breaks_at - 30), Math.min(whole[1], data.focus)];
  const names = { with: "with", without: "without" };
  const SOURCES = [["cache", "cache"], ["coalesced", "shared"], ["primary", "primary"], ["secondary", "secondary"],
    ["stale", "stale"], ["degraded", "degraded"], ["errors", "errors"]];
  let charts = [], range = focus;

  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  // Wall time; with its day where a drill lasts longer than one.
  const long = whole[1] - whole[0] > 86400;
  const wall = (second) => new Date((data.day * 86400 + data.midnight + Math.round(second)) * 1000).toISOString();
  const day = (second) => new Date(wall(second)).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  const clock = (second) => (long ? day(second) + " " : "") + wall(second).slice(11, 19);
  const tick = (second, span) => span > 172800 ? day(second) : wall(second).slice(11, span > 3600 ? 16 : 19);
  const number = (n) => n >= 1000 ? n.toLocaleString("en") : String(Math.round(n * 100) / 100);
  const element = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };

  // Vertical lines where the world changed and, in charts that show its run, where the controller acted.
  const marks = (kinds) => ({ hooks: { drawClear: [(u) => {
    const { left, top, width, height } = u.bbox;
    for (const [at, of] of data.notes) {
      if (!kinds.includes(of)) continue;
      const x = Math.round(u.valToPos(at, "x", true)) + .5;
      if (x < left || x > left + width) continue;
      u.ctx.save();
      u.ctx.strokeStyle = colour(of);
      u.ctx.globalAlpha = of === "world" ? .9 : .6;
      u.ctx.lineWidth = devicePixelRatio * (of === "world" ? 1.5 : 1);
      if (of === "action") u.ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
      u.ctx.beginPath(); u.ctx.moveTo(x, top); u.ctx.lineTo(x, top + height); u.ctx.stroke();
      u.ctx.restore();
    }
  }] } });

  const axis = (extra) => ({ stroke: colour("soft"), font: "12px system-ui, sans-serif", grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false }, ...extra });

  function chart({ title, note, unit, columns, series, bands, say, most, kinds }, parent) {
    const box = element("figure", { class: "plot", style: "margin-inline:0" });
    const value = element("p", { class: "value", style: "margin:0", "aria-live": "polite" });
    const canvas = element("div", { tabindex: "0", role: "img", "aria-label": `${title}. ${note} Arrow keys move along the seconds.` });
    box.append(element("header", {}, element("h3", {}, title), element("p", {}, note)), value, canvas);
    parent.append(box);
    const u = new uPlot({
      width: Math.max(200, canvas.clientWidth), height: 190, legend: { show: false }, padding: [8, 28, 0, 0],
      cursor: { sync: { key: "drill", setSeries: false }, points: { size: 6 }, drag: { x: true, y: false }, bind: { dblclick: () => () => show(whole) } },
      scales: { x: { time: false, min: range[0], max: range[1] }, y: { range: (_, __, max) => [0, (most || max || 1) * 1.08] } },
      axes: [axis({ values: (_, splits) => splits.map((s) => s % 1 ? "" : tick(s, range[1] - range[0])), space: 76,
        size: 28, incrs: [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800] }), axis({ size: 44, values: (_, splits) => splits.map((n) => number(n) + (unit || "")) })],
      series: [{}, ...series], bands, plugins: [marks(kinds || ["world", "action"])],
      hooks: {
        setCursor: [(u) => say(value, u.cursor.idx)],
        setSelect: [(u) => {
          if (u.select.width < 8) return;
          const from = u.posToVal(u.select.left, "x"), to = u.posToVal(u.select.left + u.select.width, "x");
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          show([from, to]);
        }],
      },
    }, columns, canvas);
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const at = (u.cursor.idx ?? seconds.findIndex((s) => s >= range[0])) + step * (event.shiftKey ? 10 : 1);
      point(seconds[Math.min(seconds.length - 1, Math.max(0, at))]);
    });
    charts.push({ u, canvas, refresh: () => say(value, null) });
    say(value, null);
  }

  // Both runs as two lines over each other, with a second, fainter line each where there is one.
  function lines(title, note, unit, main, faint, filled) {
    const columns = [seconds], series = [];
    for (const [name, run] of runs.slice().reverse()) {
      if (faint) {
        columns.push(run[faint[0]]);
        series.push({ stroke: colour(name), width: 1, dash: [3, 3], points: { show: false } });
      }
      columns.push(run[main[0]]);
      series.push({ stroke: colour(name), width: 2, fill: filled ? colour(name) + "1a" : undefined, points: { show: false } });
    }
    const say = (node, at) => node.replaceChildren(...(at == null ? ["\u00a0"] : [
      clock(seconds[at]) + " ",
      ...runs.flatMap(([name, run]) => {
        const part = ([key, word]) => `${run[key][at] == null ? "–" : number(run[key][at]) + (unit || "")} ${word}`;
        return [element("span", { class: name }, ` ${names[name]} `), element("b", {}, [main, faint].filter(Boolean).map(part).join(", ")), " "];
      })]));
    chart({ title, note, unit, columns, series, say }, plots);
  }

  // The mean of five seconds: areas that can be read.
  const smooth = (values) => values.map((_, at) => {
    const near = values.slice(Math.max(0, at - 2), at + 3);
    return near.reduce((sum, n) => sum + n, 0) / near.length;
  });

  // One run's answers by where they came from, on top of each other; both runs on the same scale.
  const most = Math.max(...runs.map(([, run]) =>
    Math.max(...SOURCES.map(([key]) => smooth(run[key])).reduce((sums, values) => sums.map((sum, at) => sum + values[at])))));
  const seen = SOURCES.filter(([key]) => runs.some(([, run]) => run[key].some((n) => n > 0)));
  function stack(name, run, parent) {
    const columns = [seconds], series = [], bands = [];
    let below = seconds.map(() => 0);
    for (const [key] of seen) {
      const calm = smooth(run[key]);
      below = below.map((sum, at) => sum + calm[at]);
      columns.push(below);
      series.push({ stroke: colour(key), width: 1, fill: colour(key), points: { show: false } });
      if (series.length > 1) bands.push({ series: [series.length, series.length - 1], fill: colour(key) });
    }
    const say = (node, at) => node.replaceChildren(at == null ? "\u00a0" : clock(seconds[at]) + " " +
      SOURCES.filter(([key]) => run[key][at]).map(([key, word]) => `${run[key][at]} ${word}`).join(", "));
    chart({ title: name === "with" ? "Answers with the controller" : "Answers without it", note: "a second, by source, mean of 5 s", columns, series, bands, say, most,
      kinds: name === "with" ? ["world", "action"] : ["world"] }, parent);
  }

  function lanes() {
    if (!data.lanes.length) return;
    const box = element("figure", { class: "plot", style: "margin-inline:0", id: "lanes" });
    box.append(element("header", {}, element("h3", {}, "Alarms and knobs"), element("p", {}, "alarms that are on; knobs away from where they were")));
    const list = element("div", { class: "lanes" });
    const [from, to] = range, place = (at) => 100 * (Math.min(to, Math.max(from, at)) - from) / (to - from);
    for (const { kind, name, spans } of data.lanes) {
      const shown = spans.filter(([start, end]) => end > from && start < to);
      if (!shown.length) continue;
      const track = element("div", { class: "track" });
      for (const [start, end, value] of shown) {
        const text = kind === "knob" ? value : "";
        track.append(element("span", { class: "on", style: `left:${place(start)}%;width:${place(end) - place(start)}%`,
          title: `${name} ${value} from ${clock(start)} to ${clock(end)}` }, text));
      }
      list.append(element("div", { class: `lane ${kind}` }, element("span", { class: "name" }, name), track));
    }
    box.append(list);
    const old = document.getElementById("lanes");
    if (old) old.replaceWith(box); else plots.append(box);
  }

  function draw() {
    charts.forEach(({ u }) => u.destroy());
    charts = [];
    plots.replaceChildren();
    lines("Errors and wrong answers", "errors or not in time, a second; dashes: wrong answers", "", ["errors", "errors"], ["wrong", "wrong"], true);
    lines("Waiting", "99 % (line) and half (dashes) of the last 10 s were answered within", " s", ["p99", "99 %"], ["p50", "half"]);
    lines("Calls to models", "a second; dashes: refused for load", "", ["calls", "calls"], ["throttles", "refused"]);
    const pair = element("div", { class: "pair" });
    plots.append(pair);
    runs.forEach(([name, run]) => stack(name, run, pair));
    plots.append(element("ul", { class: "swatches" }, ...seen.map(([key, word]) =>
      element("li", {}, element("i", { style: `background:var(--${key})` }), word))));
    lanes();
  }

  function show(next) {
    range = next;
    charts.forEach(({ u }) => u.setScale("x", { min: next[0], max: next[1] }));
    lanes();
    const same = (other) => next[0] === other[0] && next[1] === other[1];
    document.querySelectorAll("[data-zoom]").forEach((button) =>
      button.setAttribute("aria-pressed", String(same(button.dataset.zoom === "all" ? whole : focus))));
  }

  function point(second) {
    if (second < range[0] || second > range[1]) show(whole);
    charts.forEach(({ u }) => u.setCursor({ left: u.valToPos(second, "x"), top: 20 }, true, false));
  }

  document.querySelectorAll("[data-zoom]").forEach((button) =>
    button.addEventListener("click", () => show(button.dataset.zoom === "all" ? whole : focus)));
  document.querySelectorAll(".timeline button").forEach((button) => button.addEventListener("click", () => {
    document.querySelectorAll(".timeline .here").forEach((other) => other.classList.remove("here"));
    button.classList.add("here");
    point(Number(button.dataset.at));
  }));

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const wear = (theme) => { root.dataset.theme = theme; draw(); };
  document.getElementById("theme").addEventListener("click", () => wear(root.dataset.theme === "dark" ? "light" : "dark"));
  dark.addEventListener("change", () => wear(dark.matches ? "dark" : "light"));
  let width = 0;
  new ResizeObserver(() => {
    if (plots.clientWidth === width) return;
    width = plots.clientWidth;
    charts.forEach(({ u, canvas }) => u.setSize({ width: Math.max(200, canvas.clientWidth), height: u.height }));
  }).observe(plots);
  wear(dark.matches ? "dark" : "light");
})();
