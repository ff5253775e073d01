// The duty desk by keyboard, and what is new while one works. Everything here is also a plain form or link on the page.

const desk = document.querySelector("[data-desk]");
const lines = document.getElementById("lines");
const answer = document.getElementById("answer");
const wide = matchMedia("(min-width: 1101px)");
const MOVES = { c: "close", w: "watch", v: "verify", m: "merge" };
let at = null; // the number of the proposal one is at
let next = null; // where one goes when the list comes back
let last = null; // the answer given last: [move, reason]
let looking = 0;

const rows = () => [...lines.querySelectorAll("[data-proposal]")];
const rowOf = (number) => lines.querySelector(`[data-proposal="${number}"]`);
const marks = () => [...lines.querySelectorAll('input[name="proposal"]:checked')];
const moveOf = () => answer.elements.move.value;

function go(row, { focus = true } = {}) {
  if (!row) return;
  if (at !== null) rowOf(at)?.classList.remove("here");
  at = row.dataset.proposal;
  row.classList.add("here");
  if (focus) {
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }
  if (answer) answer.elements.current.value = at;
  told();
  glance(row);
}

function step(by) {
  const all = rows();
  go(all[Math.min(Math.max(all.indexOf(rowOf(at)) + by, 0), all.length - 1)]);
}

/** What stands beside the line one rests at; hurrying through the list asks nothing. */
function glance(row) {
  clearTimeout(looking);
  if (!wide.matches) return;
  looking = setTimeout(() => globalThis.htmx.ajax("GET", row.dataset.glance, { target: "#glance", swap: "innerHTML" }), 180);
}

function told() {
  if (!answer) return;
  const words = document.querySelector("[data-words]").dataset;
  const marked = marks();
  const name = (number) => rowOf(number)?.querySelector("h2 a")?.textContent ?? "";
  answer.querySelector("[data-who]").textContent = marked.length ? `${marked.length} ${words.marked}` : name(at) || words.nothing;
  answer.querySelector("[data-none]").hidden = marked.length === 0;
  answer.classList.toggle("many", marked.length > 0);
  for (const row of rows()) row.classList.toggle("marked", row.querySelector('input[name="proposal"]')?.checked ?? false);
}

function choose(move) {
  if (at === null) step(1);
  answer.elements.move.value = move;
  reasons();
  answer.classList.add("asking");
}

function reasons() {
  for (const one of answer.querySelectorAll("[data-reasons]")) one.hidden = one.dataset.reasons !== moveOf();
  for (const label of answer.querySelectorAll(".answer-moves label")) label.classList.toggle("chosen", label.control.checked);
}

function quick(number) {
  answer.querySelectorAll(`[data-reasons="${moveOf()}"] button`)[number - 1]?.click();
}

/** The last answer once more, to what is marked or to the line one is at. */
function again() {
  if (!last) return;
  choose(last[0]);
  answer.elements.because.value = last[1];
  answer.requestSubmit(answer.querySelector(".answer-other button"));
}

function alike() {
  const kind = rowOf(at)?.dataset.alike;
  const those = rows().filter((row) => row.dataset.alike === kind).map((row) => row.querySelector('input[name="proposal"]')).filter(Boolean);
  const all = those.every((box) => box.checked);
  for (const box of those) box.checked = !all;
  told();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  x: () => rowOf(at)?.querySelector('input[type="checkbox"]')?.click(),
  o: () => rowOf(at)?.querySelector("[data-open]")?.click(),
  a: alike,
  ".": again,
  "/": () => {
    desk.querySelector(".desk-filter").open = true;
    document.getElementById("words").focus();
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && answer) {
    answer.classList.remove("asking");
    (rowOf(at) ?? rows()[0])?.focus();
  }
  if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select")) return;
  if (KEYS[event.key]) KEYS[event.key]();
  else if (answer && MOVES[event.key]) choose(MOVES[event.key]);
  else if (answer && /^[1-9]$/.test(event.key)) quick(Number(event.key));
  else return;
  event.preventDefault();
});

lines.addEventListener("focusin", (event) => {
  const row = event.target.closest("[data-proposal]");
  if (row && row.dataset.proposal !== at) go(row, { focus: false });
});
lines.addEventListener("click", (event) => {
  const row = event.target.closest("[data-proposal]");
  if (row && !event.target.closest("a, input")) go(row);
});
// Shift and a click mark everything between two boxes.
let boxed = null;
lines.addEventListener("click", (event) => {
  if (event.target.name !== "proposal") return;
  if (event.shiftKey && boxed?.isConnected) {
    const all = [...lines.querySelectorAll('input[name="proposal"]')];
    const [from, to] = [all.indexOf(boxed), all.indexOf(event.target)].sort((a, b) => a - b);
    for (const box of all.slice(from, to + 1)) box.checked = event.target.checked;
  }
  boxed = event.target;
  told();
});

if (answer) {
  answer.addEventListener("change", reasons);
  answer.querySelector("[data-none]").addEventListener("click", () => {
    for (const box of marks()) box.checked = false;
    told();
  });
  reasons();
}

// ---- an answer comes back as the list; one goes on at the line after those answered
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt !== answer) return;
  const sent = event.detail.formData;
  last = [sent.get("move"), sent.get("quick") || sent.get("because")];
  const gone = new Set([...sent.getAll("proposal"), ...(sent.getAll("proposal").length ? [] : [at])]);
  const all = rows();
  const after = all.slice(all.indexOf(rowOf(at)) + 1).concat(all).find((row) => !gone.has(row.dataset.proposal));
  next = after?.dataset.proposal ?? null;
});
document.addEventListener("htmx:beforeSwap", (event) => {
  // A refusal stands in the bar, and what was marked stays marked.
  if (event.detail.xhr.status < 400 || event.detail.target !== lines) return;
  event.detail.target = answer?.querySelector("[data-refused]") ?? document.getElementById("toast");
  next = null;
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target !== lines) return;
  if (answer) {
    answer.elements.because.value = "";
    answer.querySelector("[data-refused]").replaceChildren();
    answer.classList.remove("asking");
  }
  const undone = document.getElementById("toast").dataset.undo;
  seen();
  at = null;
  go(rowOf(next) ?? rows()[0]);
  if (!undone && !rows().length) document.getElementById("glance").replaceChildren();
});
addEventListener("hashchange", () => go(document.getElementById(location.hash.slice(1))));

// ---- what is new: the server tells the newest number, the list itself never moves under a hand
const fresh = desk.querySelector("[data-fresh]");
const lost = desk.querySelector("[data-lost]");
let shown = 0;
let newest = 0;
let gone = 0;

function seen() {
  shown = Number(lines.querySelector("[data-lines]")?.dataset.newest ?? 0);
  fresh.hidden = newest <= shown;
}

fresh.addEventListener("click", () => {
  next = at;
  globalThis.htmx.ajax("GET", location.pathname + location.search, { target: "#lines", swap: "innerHTML" });
});
function listen() {
  const stream = new EventSource(desk.dataset.live);
  stream.addEventListener("desk", (event) => {
    newest = JSON.parse(event.data).newest;
    fresh.hidden = newest <= shown;
  });
  stream.addEventListener("open", () => {
    clearTimeout(gone);
    gone = 0;
    lost.hidden = true;
  });
  stream.addEventListener("error", () => {
    gone ||= setTimeout(() => (lost.hidden = false), 8000); // a stream ends every five minutes and is back at once
  });
  addEventListener("pagehide", () => stream.close());
}
setTimeout(listen, 3000); // who only passes through opens no stream

seen();
if (rows().length) go(rows()[0], { focus: false });
