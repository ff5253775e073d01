// The few words that scripts write themselves; everything else comes worded from the server.

const chinese = document.documentElement.lang.startsWith("zh");

const ALL = {
  observed: ["实际", "Observed"],
  expected: ["基线", "Expected"],
  upper: ["预警线", "Alarm line"],
  alarm: ["超预警线", "Alarm"],
  day: ["日期", "Day"],
  weekdays: ["日 一 二 三 四 五 六", "Su Mo Tu We Th Fr Sa"],
  months: ["1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"],
  estimate: ["报全后估计", "Estimate when all is in"],
  incomplete: ["尚未报全", "Not yet complete"],
  value: ["数值", "Value"],
  interval: ["95% 区间", "95% interval"],
  name: ["名称", "Name"],
  kind: ["类别", "Kind"],
  linked: ["关联", "Linked to"],
  infector: ["感染来源", "Infected by"],
  others: ["其他可能", "Or by"],
  figures: ["查看数据", "Show the figures"],
  outline: ["轮廓图", "Outline"],
  grid: ["方格图", "Grid"],
  schematic: ["示意图，不作为行政区划界线依据", "Schematic, not a legal boundary"],
  unavailable: ["地图加载失败；请刷新页面。", "The map could not be loaded; reload the page."],
  zoomIn: ["放大", "Zoom in"],
  zoomOut: ["缩小", "Zoom out"],
  red: ["红色", "Red"],
  orange: ["橙色", "Orange"],
  yellow: ["黄色", "Yellow"],
  blue: ["蓝色", "Blue"],
};

export const words = Object.fromEntries(Object.entries(ALL).map(([key, [zh, en]]) => [key, chinese ? zh : en]));

export const placeName = (names) => (chinese ? names.name_zh : names.name_en) ?? "";

/** Make an element: tag, attributes, children (strings become text, so nothing is ever parsed as HTML). */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A table of rows of cells; the first row is the head. */
export function table([head, ...rows]) {
  const cells = (row, tag) => element("tr", {}, ...row.map((cell) => element(tag, {}, `${cell ?? ""}`)));
  return element("table", { class: "table" }, element("thead", {}, cells(head, "th")), element("tbody", {}, ...rows.map((row) => cells(row, "td"))));
}

/** What the server put beside an element with json_script, or null. */
export function source(of) {
  const script = document.getElementById(of.dataset.source);
  return script ? { text: script.textContent, value: JSON.parse(script.textContent) } : null;
}
