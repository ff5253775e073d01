// Answering one proposal by keyboard. Everything here is also a plain form on the page; without this file only the keys are lost.

const page = document.querySelector("[data-answers]");
const MOVES = { c: "close", w: "watch", v: "verify" };
const opened = () => page.querySelector("details[data-move][open]");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && opened()) opened().open = false;
  if (event.target.closest("input, textarea, select")) return;
  if (MOVES[event.key]) for (const one of page.querySelectorAll("details[data-move]")) one.open = one.dataset.move === MOVES[event.key] && !one.open;
  else if (/^[1-9]$/.test(event.key) && opened()) opened().querySelectorAll('button[name="quick"]')[Number(event.key) - 1]?.click();
  else return;
  event.preventDefault();
});
