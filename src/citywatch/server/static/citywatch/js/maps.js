// Draws every <div class="map" data-map>: district outlines (Leaflet, no tiles) or, where none may be shown, a grid of tiles.

import "../../npm/leaflet/leaflet.js";
import { element, placeName, source, table, words } from "./words.js";

const L = globalThis.L;
const LEVELS = ["red", "orange", "yellow", "blue"];
const ICONS = new URL("../icons.svg", import.meta.url).pathname;
const SVG = "http://www.w3.org/2000/svg";
const drawn = new Map();

const sheet = new Promise((done) => {
  const link = element("link", { rel: "stylesheet", href: new URL("../../npm/leaflet/leaflet.css", import.meta.url).pathname });
  link.addEventListener("load", done);
  link.addEventListener("error", done);
  document.head.prepend(link); // before our own sheet, which adjusts it
});

async function read(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.json();
}

/** The class that colours an area: its level, else the quarter of the highest value it falls in. */
function shade(area, highest) {
  if (LEVELS.includes(area?.level)) return `area area-${area.level}`;
  if (!area?.value || !highest) return "area";
  return `area area-${Math.min(4, Math.ceil((4 * area.value) / highest))}`;
}

const sayArea = (name, area) => [name, area?.label, LEVELS.includes(area?.level) ? words[area.level] : ""].filter(Boolean).join(" · ");

function svgElement(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

/** A level's shape: square, triangle, diamond, circle. */
function shapeOf(level) {
  const svg = svgElement("svg", { "aria-hidden": "true" });
  svg.append(svgElement("use", { href: `${ICONS}#${level}` }));
  return svg;
}

class CityMap {
  constructor(box) {
    this.box = box;
    this.canvas = element("div", { class: "map-canvas" });
    this.tiles = document.createElementNS(SVG, "svg");
    this.tiles.setAttribute("class", "tiles");
    this.caption = element("div", { class: "map-caption" });
    this.words = element("div", { class: "visually-hidden" });
    box.replaceChildren(this.canvas, this.tiles, this.caption, this.words);
  }

  async load() {
    const { outline, grid } = this.box.dataset;
    [this.shapes, this.cells] = await Promise.all([outline ? read(outline) : null, grid ? read(grid) : null, sheet]);
    if (this.shapes && this.cells) this.addSwitch();
    if (this.shapes) this.addLeaflet();
    this.show(this.shapes && (!this.cells || localStorage.getItem("map") !== "grid") ? "outline" : "grid");
  }

  addSwitch() {
    const button = (view) => {
      const made = element("button", { type: "button", "data-view": view }, words[view]);
      made.addEventListener("click", () => {
        localStorage.setItem("map", view);
        this.show(view);
      });
      return made;
    };
    this.box.append(element("div", { class: "map-tools" }, button("outline"), button("grid")));
  }

  addLeaflet() {
    this.map = L.map(this.canvas, { attributionControl: false, zoomControl: false, scrollWheelZoom: false, zoomSnap: 0, zoomDelta: 0.6, zoomAnimation: false, fadeAnimation: false });
    L.control.zoom({ position: "topleft", zoomInTitle: words.zoomIn, zoomOutTitle: words.zoomOut }).addTo(this.map);
    this.layer = L.geoJSON(this.shapes, { style: () => ({ className: "area", weight: 1 }) }).addTo(this.map);
    this.labels = L.layerGroup().addTo(this.map);
    this.points = L.layerGroup().addTo(this.map);
    this.fit();
    this.map.on("zoomend", () => this.label());
    new ResizeObserver(() => this.canvas.clientWidth && this.fit()).observe(this.canvas);
  }

  fit() {
    this.map.invalidateSize({ animate: false });
    this.map.fitBounds(this.layer.getBounds(), { paddingTopLeft: [14, 14], paddingBottomRight: [14, 30], animate: false });
  }

  show(view) {
    this.view = view;
    for (const button of this.box.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    this.canvas.hidden = view !== "outline";
    this.tiles.toggleAttribute("hidden", view === "outline");
    if (view === "outline") this.fit();
    this.refresh();
  }

  refresh() {
    const given = source(this.box)?.value ?? {};
    this.areas = given.areas ?? {};
    this.highest = Math.max(0, ...Object.values(this.areas).map((area) => area.value ?? 0));
    this.caption.textContent = [given.caption, words.schematic].filter(Boolean).join(" · ");
    if (this.view === "outline") {
      this.colour();
      this.label();
      this.place(given.points ?? []);
    } else this.drawTiles();
    const names = (this.shapes?.features.map((feature) => feature.properties) ?? this.cells.cells).map((one) => [placeName(one), one.code]);
    this.words.replaceChildren(table([[words.name, words.value], ...names.map(([name, code]) => [name, sayArea("", this.areas[code]) || this.areas[code]?.value])]));
  }

  colour() {
    this.layer.eachLayer((shape) => {
      const { code } = shape.feature.properties;
      const path = shape.getElement();
      path.setAttribute("class", `leaflet-interactive ${shade(this.areas[code], this.highest)}`);
      shape.unbindTooltip().bindTooltip(element("span", {}, sayArea(placeName(shape.feature.properties), this.areas[code])), { sticky: true, className: "map-tip" });
    });
  }

  /** Names where there is room for them: a name never spills out of a small district unless something happens there. */
  label() {
    if (!this.areas) return;
    this.labels.clearLayers();
    this.layer.eachLayer((shape) => {
      const { code, centre } = shape.feature.properties;
      const area = this.areas[code];
      const bounds = shape.getBounds();
      const width = this.map.latLngToLayerPoint(bounds.getNorthEast()).x - this.map.latLngToLayerPoint(bounds.getSouthWest()).x;
      const name = placeName(shape.feature.properties).replace(/ District$/, "");
      const narrow = width < name.length * (/[^\x00-\x7f]/.test(name) ? 13 : 7) + 10;
      if (narrow && !area?.level) return;
      const text = element("span", {}, name, element("b", {}, ...(LEVELS.includes(area?.level) ? [shapeOf(area.level)] : []), `${area?.value || ""}`));
      const at = centre ? [centre[1], centre[0]] : bounds.getCenter();
      L.marker(at, { icon: L.divIcon({ html: text, className: "area-label", iconSize: [0, 0] }), interactive: false, keyboard: false, zIndexOffset: 10000 }).addTo(this.labels);
    });
  }

  place(points) {
    this.points.clearLayers();
    for (const { lon, lat, label, level, url, mark } of points) {
      const known = LEVELS.includes(level);
      const shape = shapeOf(known ? level : "blue");
      const icon = L.divIcon({ html: mark ? element("span", {}, shape, element("b", { class: "map-mark" }, mark)) : shape, className: `map-point ${known ? `map-point-${level}` : ""}`, iconSize: [0, 0] });
      const marker = L.marker([lat, lon], { icon, keyboard: Boolean(url), zIndexOffset: mark ? 20000 : 0 }).addTo(this.points);
      marker.bindTooltip(element("span", {}, label ?? ""), { offset: [10, 0] });
      if (!url) marker.getElement().setAttribute("role", "img");
      marker.getElement().setAttribute("aria-label", label ?? "");
      if (url) marker.on("click", () => location.assign(url));
    }
  }

  drawTiles() {
    const { cells } = this.cells;
    const size = 100;
    const across = Math.max(...cells.map((cell) => cell.col)) + 1;
    const down = Math.max(...cells.map((cell) => cell.row)) + 1;
    this.tiles.setAttribute("viewBox", `0 0 ${across * size} ${down * size}`);
    this.tiles.replaceChildren(...cells.map((cell) => this.tile(cell, size)));
  }

  tile(cell, size) {
    const area = this.areas[cell.code];
    const [x, y] = [cell.col * size, cell.row * size];
    const group = svgElement("g", {});
    const over = area?.level === "red" ? "on-red" : "";
    const short = placeName(cell).replace(/(.{2,})区$/, "$1").replace(/ District$/, "");
    group.append(
      svgElement("title", {}, sayArea(placeName(cell), area)),
      svgElement("rect", { x: x + 2, y: y + 2, width: size - 4, height: size - 4, rx: 7, class: shade(area, this.highest) }),
      svgElement("text", { x: x + size / 2, y: y + (area?.value ? 44 : 56), class: over }, short),
    );
    if (area?.value) group.append(svgElement("text", { x: x + size / 2, y: y + 71, class: `tile-value ${over}` }, `${area.value}`));
    if (LEVELS.includes(area?.level)) group.append(svgElement("use", { href: `${ICONS}#${area.level}`, x: x + size - 24, y: y + 10, width: 14, height: 14, class: `tile-shape ${over}` }));
    return group;
  }
}

async function draw(box) {
  const text = source(box)?.text ?? "";
  const kept = drawn.get(box);
  if (kept) {
    if (kept.text !== text && kept.map.view) kept.map.refresh();
    kept.text = text;
    return;
  }
  const map = new CityMap(box);
  drawn.set(box, { map, text });
  try {
    await map.load();
  } catch (failure) {
    console.error(failure);
    box.replaceChildren(element("p", { class: "empty" }, words.unavailable));
  }
}

function drawAll() {
  for (const [box, { map }] of drawn) {
    if (box.isConnected) continue;
    map.map?.remove();
    drawn.delete(box);
  }
  document.querySelectorAll("[data-map]").forEach(draw);
}

drawAll();
document.addEventListener("htmx:afterSettle", drawAll);
