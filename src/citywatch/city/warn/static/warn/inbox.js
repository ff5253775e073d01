// Triage by keyboard. Everything here is also a plain form on the page; without this file the desk only loses the keys.

const inbox = document.querySelector("[data-inbox]");
const rows = inbox ? [...inbox.querySelectorAll("[data-proposal]")] : [];
const MOVES = { c: "close", w: "watch", v: "verify" };
let current = -1;

function go(step) {
  current = Math.min(Math.max(current + step, 0), rows.length - 1);
  rows[current].focus();
  rows[current].scrollIntoView({ block: "nearest" });
}

function opened() {
  return rows[current]?.querySelector("details[data-move][open]");
}

function show(move) {
  if (current < 0) go(1);
  for (const other of rows[current].querySelectorAll("details[data-move]")) other.open = other.dataset.move === move && !other.open;
}

function choose(number) {
  opened()?.querySelectorAll('button[name="quick"]')[number - 1]?.click();
}

function typing(target) {
  return target.closest("input:not([type=checkbox]), textarea, select") !== null;
}

document.addEventListener("focusin", (event) => {
  const at = rows.findIndex((row) => row.contains(event.target));
  if (at >= 0) current = at;
});

document.addEventListener("keydown", (event) => {
  if (!rows.length || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && opened()) {
    opened().open = false;
    rows[current].focus();
  }
  if (typing(event.target)) return;
  if (event.key === "j") go(1);
  else if (event.key === "k") go(-1);
  else if (MOVES[event.key]) show(MOVES[event.key]);
  else if (event.key === "o") rows[current]?.querySelector("[data-open]")?.click();
  else if (event.key === "x") rows[current]?.querySelector('input[type="checkbox"]')?.click();
  else if (/^[1-9]$/.test(event.key) && opened()) choose(Number(event.key));
  else return;
  event.preventDefault();
});
