// Draws every <figure class="chart" data-chart data-source>; the numbers stand beside it in a table for those who cannot see it.

import * as echarts from "../../npm/echarts/echarts.esm.min.js";
import { element, source, table, words } from "./words.js";

const drawn = new Map();
const onPaper = matchMedia("print");
const PAPER = 720; // px, an A4 page's width: the sheet scales the drawing to what there is

/** The sheet's colours as they apply to one figure, so that the wall and the dark theme need no second palette. */
function paletteOf(figure) {
  const style = getComputedStyle(figure);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: of("ink"), soft: of("soft"), line: of("line"), surface: of("surface"), accent: of("accent"), red: of("red"), strong: of("line-strong"),
    series: [1, 2, 3, 4, 5, 6].map((i) => of(`series-${i}`)), font: style.fontFamily, width: figure.clientWidth, size: Math.round(parseFloat(style.fontSize) * 0.82),
  };
}

const shortDay = (day) => (/^\d{4}-\d\d-\d\d$/.test(day) ? day.slice(5) : day);
const figureText = (value) => (value === null || value === undefined || Number.isNaN(value) ? "–" : Number.isInteger(value) ? `${value}` : value.toFixed(2));

function tip(title, rows) {
  return element("div", { class: "chart-tip" }, element("b", {}, title), ...rows.map(([name, value]) => element("div", {}, element("span", {}, name), element("span", {}, value))));
}

function base(p, axisTip) {
  return {
    animation: false,
    color: p.series,
    textStyle: { fontFamily: p.font, fontSize: p.size, color: p.ink },
    grid: { left: 8, right: 14, top: 34, bottom: 6, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 14, itemHeight: 9, itemGap: 16, textStyle: { color: p.soft, fontSize: p.size } },
    // The box is ours (class chart-tip): the page's policy forbids inline styles in markup.
    tooltip: { trigger: axisTip ? "axis" : "item", backgroundColor: "transparent", borderWidth: 0, padding: 0, extraCssText: "box-shadow:none", confine: true, axisPointer: { type: "shadow", shadowStyle: { color: p.strong, opacity: 0.14 } } },
  };
}

const categories = (p, names) => ({
  type: "category", data: names, axisLine: { lineStyle: { color: p.strong } }, axisTick: { show: false }, axisLabel: { color: p.soft, fontSize: p.size, formatter: shortDay, hideOverlap: true },
});
const wrapped = (axis, width) => ({ ...axis, axisLabel: { ...axis.axisLabel, interval: 0, width, overflow: "break", hideOverlap: false } });
const counts = (p) => ({ type: "value", minInterval: 1, axisLabel: { color: p.soft, fontSize: p.size }, splitLine: { lineStyle: { color: p.line } } });

/** Shades everything from [place] on, its name above. Not ECharts' own area: between bars that one ends in their middle. */
const shade = (p, text) => ({ coordSys: { x, y, width, height } }, api) => {
  const left = api.coord([api.value(0), 0])[0] - api.size([1, 0])[0] / 2;
  return {
    type: "group",
    children: [
      { type: "rect", shape: { x: left, y, width: x + width - left, height }, style: { fill: p.strong, opacity: 0.16 } },
      { type: "text", style: { text, x: x + width, y: y - 3, align: "right", verticalAlign: "bottom", fill: p.soft, fontSize: p.size, fontFamily: p.font } },
    ],
  };
};

/** Draws [place, low, high] as an upright whisker. */
const upright = (p) => (_, api) => {
  const [x, bottom] = api.coord([api.value(0), api.value(1)]);
  const [, top] = api.coord([api.value(0), api.value(2)]);
  const style = { stroke: p.ink, lineWidth: 1.5, fill: null };
  const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
  return { type: "group", children: [line(x, bottom, x, top), line(x - 4, bottom, x + 4, bottom), line(x - 4, top, x + 4, top)] };
};

const KINDS = {
  baseline(data, p) {
    const { days, observed, expected, upper, alarm } = data;
    return {
      ...base(p, true),
      xAxis: categories(p, days),
      yAxis: counts(p),
      series: [
        { name: words.observed, type: "bar", barMaxWidth: 18, barCategoryGap: "25%", itemStyle: { color: p.strong }, data: observed.map((value, i) => (alarm[i] ? { value, itemStyle: { color: p.red } } : value)) },
        { name: words.expected, type: "line", symbol: "none", lineStyle: { color: p.accent, width: 2 }, itemStyle: { color: p.accent }, data: expected },
        { name: words.upper, type: "line", symbol: "none", lineStyle: { color: p.ink, width: 1.5, type: [5, 4] }, itemStyle: { color: p.ink }, data: upper },
        { name: words.alarm, type: "scatter", symbol: "triangle", symbolRotate: 180, symbolSize: 10, symbolOffset: [0, -9], itemStyle: { color: p.red }, data: observed.map((value, i) => (alarm[i] ? value : null)) },
      ],
      tip: (i) => tip(days[i], [[words.observed, figureText(observed[i])], [words.expected, figureText(expected[i])], [words.upper, figureText(upper[i])], ...(alarm[i] ? [["▼", words.alarm]] : [])]),
      rows: [[words.day, words.observed, words.expected, words.upper, words.alarm], ...days.map((day, i) => [day, observed[i], figureText(expected[i]), figureText(upper[i]), alarm[i] ? "▼" : ""])],
    };
  },

  bars(data, p, { stack = "", close = false } = {}) {
    const labels = data.labels ?? data.days;
    return {
      ...base(p, true),
      xAxis: data.labels && labels.length <= 10 ? wrapped(categories(p, labels), (p.width - 60) / labels.length - 8) : categories(p, labels),
      yAxis: counts(p),
      series: data.series.map(({ name, values }) => ({ name, type: "bar", stack, data: values, barCategoryGap: close ? "4%" : "30%", barMaxWidth: close ? 56 : 34, itemStyle: close ? { borderColor: p.surface, borderWidth: 0.7 } : {} })),
      tip: (i) => tip(labels[i], data.series.map(({ name, values }) => [name, figureText(values[i])])),
      rows: [[data.labels ? words.name : words.day, ...data.series.map(({ name }) => name)], ...labels.map((label, i) => [label, ...data.series.map(({ values }) => values[i])])],
    };
  },

  /** Two series back to back by the same labels, as of men and women by age. */
  pyramid(data, p) {
    const [left, right] = data.series;
    const most = Math.max(1, ...left.values, ...right.values);
    const size = { fontSize: p.size, color: p.soft };
    const side = ({ name, values }, sign) => ({ name, type: "bar", stack: "both", barCategoryGap: "12%", data: values.map((value) => sign * value) });
    return {
      ...base(p, true),
      xAxis: { ...counts(p), min: -most, max: most, axisLabel: { ...size, formatter: (value) => `${Math.abs(value)}` } },
      yAxis: { ...categories(p, data.labels), inverse: true },
      series: [side(left, -1), side(right, 1)],
      tip: (i) => tip(data.labels[i], data.series.map(({ name, values }) => [name, figureText(values[i])])),
      rows: [[words.name, left.name, right.name], ...data.labels.map((label, i) => [label, left.values[i], right.values[i]])],
    };
  },

  /**
   * Cases by day, stacked. With `coming` ({days, expected, lower, upper}) the last days are shaded as not yet complete; a
   * diamond tells what each will reach when all reports are in, a whisker its 95 % interval.
   */
  epicurve(data, p) {
    const drawn = KINDS.bars(data, p, { stack: "cases", close: true });
    const { coming } = data;
    if (!coming) return drawn;
    const at = new Map(coming.days.map((day, i) => [data.days.indexOf(day), i]));
    const first = data.days.indexOf(coming.days[0]);
    const estimates = coming.expected ?? [];
    const spans = [...at].filter(([, i]) => Number.isFinite(coming.lower?.[i]) && Number.isFinite(coming.upper[i]));
    const spanOf = (i) => (Number.isFinite(coming.lower?.[i]) && Number.isFinite(coming.upper[i]) ? `${coming.lower[i]} – ${coming.upper[i]}` : "–");
    drawn.series.push({ type: "custom", renderItem: shade(p, words.incomplete), encode: { x: 0, y: 1 }, z: 0, silent: true, data: [[first, 0]] });
    if (estimates.length) {
      drawn.series.push(
        { name: words.estimate, type: "scatter", symbol: "diamond", symbolSize: 9, itemStyle: { color: p.surface, borderColor: p.ink, borderWidth: 1.5 }, z: 6, data: data.days.map((_, day) => (at.has(day) ? estimates[at.get(day)] : null)) },
        { type: "custom", renderItem: upright(p), encode: { x: 0, y: [1, 2] }, z: 5, silent: true, data: spans.map(([day, i]) => [day, coming.lower[i], coming.upper[i]]) },
      );
    }
    const plain = drawn.tip;
    drawn.tip = (day) => {
      const told = plain(day);
      const i = at.get(day);
      if (i !== undefined) told.append(...tip("", estimates.length ? [[words.estimate, figureText(estimates[i])], [words.interval, spanOf(i)]] : [["", words.incomplete]]).children);
      return told;
    };
    const [head, ...rows] = drawn.rows;
    drawn.rows = estimates.length
      ? [[...head, words.estimate, words.interval], ...rows.map((row, day) => [...row, ...(at.has(day) ? [figureText(estimates[at.get(day)]), spanOf(at.get(day))] : ["", ""])])]
      : [[...head, words.incomplete], ...rows.map((row, day) => [...row, at.has(day) ? "*" : ""])];
    return drawn;
  },

  /** A number for each day of a year or a season: weeks side by side, Monday on top; a day without word stays empty. */
  calendar(data, p) {
    const { days, values, name } = data;
    const known = values.filter(Number.isFinite);
    const most = Math.max(1, ...known);
    const told = days.map((day, i) => [day, values[i]]).filter(([, value]) => Number.isFinite(value));
    const weeks = Math.ceil((Date.parse(days.at(-1)) - Date.parse(days[0])) / 604800000) + 1;
    const cell = Math.max(5, Math.min(22, Math.floor((p.width - 60) / weeks)));
    const label = { color: p.soft, fontSize: p.size };
    const tight = cell < 12; // on a phone: no room for each weekday's name, nor for each month's
    const months = words.months.split(" ").map((name, month) => (tight && month % 2 ? "" : name));
    return {
      ...base(p, false),
      legend: { show: false },
      visualMap: { min: 0, max: most, type: "continuous", orient: "horizontal", left: 40, top: 0, itemWidth: 10, itemHeight: 120, text: [`${most}`, "0"], textStyle: label, inRange: { color: [p.line, p.accent, p.ink] } },
      calendar: {
        range: [days[0], days.at(-1)], top: 60, left: 40, cellSize: [cell, cell], splitLine: { lineStyle: { color: p.strong, width: 1 } }, itemStyle: { color: p.surface, borderColor: p.line, borderWidth: 0.5 },
        dayLabel: { ...label, show: !tight, firstDay: 1, nameMap: words.weekdays.split(" ") }, monthLabel: { ...label, nameMap: months }, yearLabel: { show: false },
      },
      series: [{ name, type: "heatmap", coordinateSystem: "calendar", data: told }],
      tip: (i) => tip(told[i][0], [[name, figureText(told[i][1])]]),
      rows: [[words.day, name], ...days.map((day, i) => [day, figureText(values[i])])],
    };
  },

  graph(data, p) {
    const kinds = [...new Set(data.nodes.map((node) => node.category))];
    const nameOf = Object.fromEntries(data.nodes.map((node) => [node.id, node.name]));
    const linked = (id) => data.links.filter((link) => link.source === id).map((link) => nameOf[link.target]);
    return {
      ...base(p, false),
      series: [{
        type: "graph", layout: "force", roam: true, top: 30, force: { repulsion: 130, edgeLength: [40, 90], gravity: 0.12, layoutAnimation: false },
        categories: kinds.map((name) => ({ name: `${name}` })),
        data: data.nodes.map((node) => ({ id: `${node.id}`, name: node.name, symbolSize: node.size ?? 14, category: kinds.indexOf(node.category), label: { show: data.nodes.length <= 60 } })),
        links: data.links.map((link) => ({ source: `${link.source}`, target: `${link.target}` })),
        label: { position: "right", color: p.ink, fontSize: p.size, textBorderColor: p.surface, textBorderWidth: 2 },
        edgeSymbol: ["none", "arrow"], edgeSymbolSize: 6, lineStyle: { color: p.strong, width: 1.2 }, itemStyle: { borderColor: p.surface, borderWidth: 1.5 },
        emphasis: { focus: "adjacency" },
      }],
      legend: { ...base(p).legend, data: kinds.map((name) => `${name}`) },
      tip: (i, params) => (params.dataType === "node" ? tip(params.name, [[words.kind, `${data.nodes[i].category}`], ...(linked(data.nodes[i].id).length ? [[words.linked, `${linked(data.nodes[i].id).length}`]] : [])]) : null),
      rows: [[words.name, words.kind, words.linked], ...data.nodes.map((node) => [node.name, node.category, linked(node.id).join("、")])],
    };
  },

  /** Who infected whom, each case at its day of onset; heights come from the server, so 500 cases need no layout here. */
  chain(data, p) {
    const days = [...new Set(data.nodes.map((node) => node.day))].sort();
    const span = [];
    for (let day = Date.parse(days[0]); day <= Date.parse(days.at(-1)); day += 86400000) span.push(new Date(day).toISOString().slice(0, 10));
    const few = data.nodes.length <= 60;
    const told = (link) => data.told || link.support >= 0.5;
    const sizeOf = (node) => (few ? 13 : 7) + Math.min(16, 3 * node.infected);
    const lookOf = (node) => ({ color: node.root ? p.red : p.accent, opacity: node.href ? 1 : 0.55 });
    const strokeOf = (link, support) => ({ color: told(link) ? p.accent : p.strong, width: 1 + 2 * support, type: told(link) ? "solid" : "dashed", opacity: 0.35 + 0.6 * support });
    const nodes = data.nodes.map((node, row) => ({ id: node.id, row, name: node.name, value: [node.day, -node.height], href: node.href }));
    const border = { borderColor: p.surface, borderWidth: 1.2 };
    const onceEach = () => [{
      type: "graph", coordinateSystem: "cartesian2d", cursor: "pointer",
      data: nodes.map((node, row) => ({ ...node, symbolSize: sizeOf(data.nodes[row]), itemStyle: lookOf(data.nodes[row]) })),
      links: data.links.map((link) => ({ source: link.source, target: link.target, lineStyle: { ...strokeOf(link, link.support), curveness: 0.06 } })),
      label: { show: true, position: "right", formatter: "{b}", color: p.ink, fontSize: p.size, textBorderColor: p.surface, textBorderWidth: 2 },
      edgeSymbol: ["none", "arrow"], edgeSymbolSize: 6, itemStyle: border, emphasis: { focus: "adjacency", label: { show: true } },
    }];
    // Hundreds, each a shape of its own, follow the hand at ten pictures a second: what looks alike is drawn as one.
    const alike = () => {
      const fifth = (link) => Math.round(5 * link.support) / 5;
      const place = new Map(nodes.map((node) => [node.id, node.value]));
      const together = (rows, key) => [...rows.reduce((groups, row) => groups.set(key(row), [...(groups.get(key(row)) ?? []), row]), new Map()).values()];
      const links = together(data.links.filter((link) => place.has(link.source) && place.has(link.target)), (link) => `${told(link)} ${fifth(link)}`).map((some) => ({
        type: "lines", coordinateSystem: "cartesian2d", silent: true, large: true, largeThreshold: 0, lineStyle: strokeOf(some[0], fifth(some[0])),
        data: some.map((link) => ({ coords: [place.get(link.source), place.get(link.target)] })),
      }));
      const cases = together(nodes, ({ row }) => [sizeOf(data.nodes[row]), data.nodes[row].root, !data.nodes[row].href].join()).map((some) => ({
        type: "scatter", large: true, largeThreshold: 0, cursor: "pointer", z: 3, symbolSize: sizeOf(data.nodes[some[0].row]), itemStyle: { ...border, ...lookOf(data.nodes[some[0].row]) }, data: some,
      }));
      return [...links, ...cases];
    };
    return {
      ...base(p, false),
      grid: { left: 14, right: few ? 60 : 18, top: 8, bottom: 26, containLabel: true },
      legend: { show: false },
      xAxis: { ...categories(p, span), axisLine: { onZero: false, lineStyle: { color: p.strong } }, boundaryGap: true, splitLine: { show: true, lineStyle: { color: p.line } } },
      yAxis: { type: "value", show: false, min: (range) => range.min - 1, max: (range) => range.max + 1 },
      dataZoom: [{ type: "inside", xAxisIndex: 0, filterMode: "none", throttle: 16 }, { type: "inside", yAxisIndex: 0, filterMode: "none", zoomOnMouseWheel: "shift", throttle: 16 }],
      series: few ? onceEach() : alike(),
      tip: (_, params) => {
        const node = data.nodes[params.data.row];
        return node ? tip(node.name, [[words.day, node.day], [words.infector, node.infector || "–"], ...node.others.map((other) => ["", other])]) : null;
      },
      rows: [[words.name, words.day, words.infector, words.others], ...data.nodes.map((node) => [node.name, node.day, node.infector, node.others.join("; ")])],
    };
  },

  ranking(data, p) {
    const { names, values, low = [], high = [] } = data;
    const whisker = (params, api) => {
      const row = api.value(0);
      const [left, y] = api.coord([api.value(1), row]);
      const [right] = api.coord([api.value(2), row]);
      const style = { stroke: p.ink, lineWidth: 1.5, fill: null };
      const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
      return { type: "group", children: [line(left, y, right, y), line(left, y - 4, left, y + 4), line(right, y - 4, right, y + 4)] };
    };
    const spans = names.map((_, i) => i).filter((i) => Number.isFinite(low[i]) && Number.isFinite(high[i]));
    // Ratios live on a logarithmic scale: on a linear one the widest interval would flatten all the others.
    const known = [...values, ...low, ...high].filter(Number.isFinite);
    const logarithmic = known.length > 0 && Math.min(...known) > 0;
    const least = logarithmic ? 10 ** Math.floor(Math.log10(Math.min(1, ...known))) : 0;
    return {
      ...base(p, true),
      grid: { left: 8, right: 26, top: 6, bottom: 6, containLabel: true },
      legend: { show: false },
      xAxis: { ...counts(p), minInterval: 0, ...(logarithmic ? { type: "log", min: least } : {}) },
      yAxis: { ...categories(p, names), inverse: true, axisLabel: { color: p.ink, fontSize: p.size, width: p.width < 600 ? 120 : 220, overflow: "truncate" } },
      series: [
        { type: "bar", barMaxWidth: 16, data: values.map((value, i) => ({ value, itemStyle: { color: p.accent, opacity: i ? 0.5 : 1 } })) },
        { type: "custom", renderItem: whisker, encode: { x: [1, 2], y: 0 }, data: spans.map((i) => [i, low[i], high[i]]), z: 5 },
      ],
      tip: (i) => tip(names[i], [[words.value, figureText(values[i])], ...(Number.isFinite(low[i]) ? [[words.interval, `${figureText(low[i])} – ${figureText(high[i])}`]] : [])]),
      rows: [[words.name, words.value, words.interval], ...names.map((name, i) => [name, figureText(values[i]), Number.isFinite(low[i]) ? `${figureText(low[i])} – ${figureText(high[i])}` : ""])],
    };
  },
};

function draw(figure) {
  const given = source(figure);
  if (!given || drawn.get(figure)?.text === given.text) return;
  const kind = KINDS[figure.dataset.chart];
  if (!kind) throw new Error(`Chart kind ${figure.dataset.chart} is not one of ${Object.keys(KINDS).join(", ")}.`);
  const canvas = drawn.get(figure)?.canvas ?? canvasIn(figure);
  const { tip: tipFor, rows, ...option } = kind(given.value, paletteOf(figure));
  option.tooltip.formatter = (params) => {
    const one = Array.isArray(params) ? params[0] : params;
    return one ? tipFor(one.dataIndex, one) : null;
  };
  if (figure.dataset.chart === "chain") canvas.style.height = `${Math.min(900, Math.max(260, given.value.nodes.length * 20))}px`;
  if (figure.dataset.chart === "ranking") canvas.style.height = `${Math.max(90, given.value.names.length * 30 + 44)}px`;
  const chart = echarts.getInstanceByDom(canvas) ?? echarts.init(canvas);
  chart.resize(onPaper.matches ? { width: PAPER, height: chart.getHeight() } : { width: "auto", height: "auto" });
  chart.setOption(option, true);
  chart.off("click").on("click", (params) => params.data?.href && location.assign(params.data.href));
  figure.querySelector("details .table-wrap")?.replaceChildren(table(rows));
  offerFiles(figure, chart, option, rows);
  drawn.set(figure, { text: given.text, canvas });
}

function canvasIn(figure) {
  const canvas = element("div", { class: "chart-canvas", role: "img", "aria-label": figure.getAttribute("aria-label") ?? "" });
  const wrap = element("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": figure.getAttribute("aria-label") ?? words.figures });
  figure.removeAttribute("role"); // the picture is the canvas; as role="img" the figure would hide its own table
  // data-plain: the page itself has a better table beside the picture.
  figure.replaceChildren(canvas, ...("plain" in figure.dataset ? [] : [element("details", {}, element("summary", {}, words.figures), wrap)]));
  new ResizeObserver(() => onPaper.matches || echarts.getInstanceByDom(canvas)?.resize()).observe(canvas);
  return canvas;
}

/**
 * Buttons that hand out what is drawn: as PNG, as SVG drawn anew at the same size, and its rows as CSV. They stand with the
 * figure's numbers; a figure without those has them on top where it names its file (data-export), else none.
 */
function offerFiles(figure, chart, option, rows) {
  const beside = figure.querySelector("details");
  const name = figure.dataset.export ?? (beside && figure.dataset.source);
  if (!name) return;
  // A spreadsheet would take a text that begins like a formula for one (interop/tables/write.py does the same).
  const harmless = (text) => (/^[=+\-@\t\r\n＝＋－＠]/.test(text) && !/^-?[\d.]+$/.test(text) ? `'${text}` : text);
  const quoted = (cell) => [harmless(`${cell ?? ""}`)].map((text) => (/[",\r\n;\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text))[0];
  const kinds = {
    // Decoded by hand: the page's policy lets no script fetch a data address.
    png: async () => new Blob([Uint8Array.from(atob(chart.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: "#fff" }).split(",")[1]), (one) => one.charCodeAt(0))], { type: "image/png" }),
    svg: async () => {
      const paper = echarts.init(null, null, { renderer: "svg", ssr: true, width: chart.getWidth(), height: chart.getHeight() });
      paper.setOption(option);
      const text = paper.renderToSVGString();
      paper.dispose();
      return new Blob([text], { type: "image/svg+xml" });
    },
    csv: async () => new Blob(["\ufeff", rows.map((row) => row.map(quoted).join(",")).join("\r\n")], { type: "text/csv" }),
  };
  const button = (kind) => {
    const made = element("button", { type: "button", class: "button small", "data-file": kind }, kind.toUpperCase());
    made.addEventListener("click", async () => {
      const address = URL.createObjectURL(await kinds[kind]());
      element("a", { href: address, download: `${name}.${kind}` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    });
    return made;
  };
  figure.querySelector(".chart-tools")?.remove();
  (beside ?? figure)[beside ? "append" : "prepend"](element("div", { class: "chart-tools" }, ...Object.keys(kinds).map(button)));
}

function drawAll() {
  for (const [figure, { canvas }] of drawn) {
    if (figure.isConnected) continue;
    echarts.getInstanceByDom(canvas)?.dispose();
    drawn.delete(figure);
  }
  document.querySelectorAll("figure[data-chart]").forEach(draw);
}

drawAll();
document.addEventListener("htmx:afterSettle", drawAll);
// Paper is always light, so a dark page's charts are drawn anew for it, and once more for the screen.
for (const media of [matchMedia("(prefers-color-scheme: dark)"), onPaper]) {
  media.addEventListener("change", () => {
    for (const kept of drawn.values()) kept.text = "";
    drawAll();
  });
}
