// Tells the room when the wall has stopped being true: no answer, a refused one, or none for three turns.

const wall = document.getElementById("wall");
const lost = document.getElementById("lost");
const LONGEST_SILENCE = 45_000; // three turns of 15 seconds
let heard = Date.now();
const asOf = () => document.getElementById("wall-as-of").textContent;
let shownAt = asOf();

function mark(isLost) {
  lost.hidden = !isLost;
  lost.querySelector("time").textContent = shownAt;
}

wall.addEventListener("htmx:afterSwap", () => {
  heard = Date.now();
  shownAt = asOf();
  mark(false);
});
wall.addEventListener("htmx:sendError", () => mark(true));
wall.addEventListener("htmx:timeout", () => mark(true));
// A refusal or the sign-in page must never replace the wall.
wall.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 200 && !xhr.responseURL.includes("/accounts/")) return;
  event.detail.shouldSwap = false;
  mark(true);
});
setInterval(() => Date.now() - heard > LONGEST_SILENCE && mark(true), 5000);
