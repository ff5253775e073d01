// On every page: running clocks, questions that show when another is answered, menus, keys, and no double sending.

const FIELD = "input, textarea, select, [contenteditable]";
const opened = Date.now();

// ---- city time: the server's moment plus what passed since; it is wall time plus an offset, so it runs at wall speed
function cityNow() {
  const shown = document.querySelector("[data-city-now]");
  return shown ? Date.parse(shown.dataset.cityNow) + (Date.now() - opened) : Date.now();
}

const shanghai = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "short" });

const chinese = document.documentElement.lang.startsWith("zh");
const LONG = 48 * 60; // minutes; a longer span is told in days, as the server does

function hours(milliseconds) {
  const minutes = Math.floor(Math.abs(milliseconds) / 60000);
  const [days, rest] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
  if (minutes >= LONG) return chinese ? `${days}天${rest}小时` : `${days} d ${rest} h`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
}

function tick() {
  const now = cityNow();
  for (const time of document.querySelectorAll("[data-city-now]")) {
    const parts = shanghai.format(now).split(" ");
    [...time.children].forEach((part, i) => (part.textContent = parts[i]));
  }
  for (const clock of document.querySelectorAll(".clock[data-due]")) {
    const due = Date.parse(clock.dataset.due);
    const started = Date.parse(clock.dataset.started);
    const share = due > started ? (now - started) / (due - started) : 1;
    clock.classList.toggle("late", now > due);
    clock.classList.toggle("soon", share >= 0.75 && now <= due);
    clock.querySelector(".clock-digits").textContent = hours(due - now);
    clock.querySelector(".clock-bar rect")?.setAttribute("width", Math.min(100, Math.max(0, share * 100)).toFixed(1));
  }
}

// ---- "shown when": the only logic a form has
function answersTo(form, name) {
  return [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)].flatMap((input) => {
    if (["checkbox", "radio"].includes(input.type)) return input.checked ? [input.value] : [];
    return [input.value];
  });
}

function showQuestions(form) {
  for (const field of form.querySelectorAll("[data-shown-when]")) {
    const wanted = field.dataset.shownValues.split(";");
    const shown = answersTo(form, field.dataset.shownWhen).some((answer) => wanted.includes(answer));
    field.hidden = !shown;
    for (const input of field.querySelectorAll(FIELD)) input.disabled = !shown;
  }
}

function prepare(root) {
  for (const form of root.querySelectorAll("form")) showQuestions(form);
  tick();
}

document.addEventListener("change", (event) => event.target.form && showQuestions(event.target.form));

// ---- a form is sent once, however often the button is pressed in haste
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("data-repeatable")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 4000); // an answer may be a file, which leaves this page standing
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
document.addEventListener("htmx:afterRequest", (event) => event.target.removeAttribute("data-sent"));

// ---- menus close on Escape and on a click elsewhere
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(FIELD)) return;
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (wanted) {
    event.preventDefault();
    wanted.click();
    wanted.closest("details")?.querySelector("textarea")?.focus();
  }
});

for (const back of document.querySelectorAll("[data-back]")) {
  back.hidden = history.length < 2;
  back.addEventListener("click", () => history.back());
}

document.addEventListener("htmx:afterSettle", () => prepare(document));
document.querySelector(".nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
document.querySelector('[aria-invalid="true"]')?.focus();
prepare(document);
setInterval(tick, 5000);
