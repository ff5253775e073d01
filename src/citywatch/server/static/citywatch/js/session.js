// Says that the session is about to end while there is time to stay, and leaves the page when it has ended.

const said = document.getElementById("session-ending");
const digits = said.querySelector("[data-left]");
const WARN = 120; // seconds before the end
let ends = Date.now() + Number(said.dataset.left) * 1000;
let touched = false;

async function ask(method) {
  const headers = JSON.parse(document.body.getAttribute("hx-headers") || "{}");
  const answer = await fetch(said.dataset.address, { method, headers, redirect: "error" }).catch(() => null);
  if (!answer) return; // no network: the server knows, and is asked again
  if (answer.ok) ends = Date.now() + (await answer.json()).left * 1000;
  else if (answer.status === 401) location.assign(said.dataset.signIn + encodeURIComponent(location.pathname + location.search));
}

function tick() {
  const left = Math.round((ends - Date.now()) / 1000);
  if (left <= 0) return void ask("GET");
  if (left > WARN) return void (said.open && said.close());
  if (!said.open) {
    if (touched) return void stay(); // somebody is at work on this very page
    said.showModal();
    ask("GET"); // another window may have been in use
  }
  digits.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

function stay() {
  touched = false;
  return ask("POST").then(() => said.open && said.close());
}

for (const kind of ["pointerdown", "keydown"]) {
  addEventListener(kind, () => said.open || (touched = true), { passive: true });
}
said.querySelector("[data-stay]").addEventListener("click", stay);
setInterval(() => touched && stay(), 60_000);
setInterval(tick, 1000);
