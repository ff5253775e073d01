// A report on a phone: an ID number fills in what it says, codes are scanned, and a report outlives a lost line.
// The server checks everything again. Without this script, or inside a view that keeps nothing, the page posts as it is.
import { age, read, tidy } from "./identity.js";
import { offerPhotos, written } from "./photos.js";
import { forget, keep } from "./queue.js";
import { offerScans } from "./scan.js";
import { canSeal, newKey, seal } from "./sealing.js";
import { flush, settings, words } from "./waiting.js";

const form = document.querySelector("form[data-report], form[data-mending]");
const regions = JSON.parse(document.getElementById("phone-regions").textContent);
const say = (word, n) => words[word].replace(/\{\w+\}/, n);
const two = (number) => String(number).padStart(2, "0");

// ---- city time: the server's, also when the page comes from this phone
const OFFSET = "citywatch-phone-offset";
const offline = form.hasAttribute("data-offline");
function offset() {
  if (form.dataset.at && !offline) return Date.parse(form.dataset.at) - performance.timeOrigin;
  try {
    return Number(localStorage.getItem(OFFSET)) || 0;
  } catch {
    return 0;
  }
}
const ahead = offset();
function cityNow() {
  const shown = new Date(Date.now() + ahead + 8 * 3_600_000); // the city's wall time, read as if it were UTC
  const [year, month, day] = [shown.getUTCFullYear(), shown.getUTCMonth() + 1, shown.getUTCDate()];
  return { year, month, day, date: shown.toISOString().slice(0, 10), time: shown.toISOString().slice(11, 19) };
}

// ---- an ID number
function put(name, value) {
  for (const input of form.querySelectorAll(`[name="${name}"]`)) {
    if (input.type === "radio") input.checked = input.value === value;
    else input.value = value;
  }
  form.querySelector(`[name="${name}"]`)?.dispatchEvent(new Event("change", { bubbles: true }));
}

function tell(told, text) {
  if (told.textContent === text) return; // said already: moving the page now would carry the next touch past its target
  told.textContent = text;
  if (text) told.scrollIntoView({ block: "nearest" }); // not behind the button to send
}

function fillFromNumber(input, told) {
  const found = read(tidy(input.value), regions);
  told.classList.toggle("wrong", Boolean(found?.wrong));
  if (!found?.born) tell(told, found?.wrong ? words[found.wrong] : "");
  if (!found?.born) return;
  const { born, sex, region } = found;
  const old = age(born, cityNow());
  put("sex", sex);
  put("age", String(old.count));
  put("age_unit", old.unit);
  put("birth_date", `${born.year}-${two(born.month)}-${two(born.day)}`);
  const parts = [words[sex === "M" ? "male" : "female"], say({ Y: "years", M: "months", D: "days" }[old.unit], old.count)];
  if (region) parts.push(say("issued", region));
  tell(told, parts.join(document.documentElement.lang.startsWith("zh") ? "，" : ", "));
}

function wireNumber() {
  const input = form.querySelector('[name="id_number"]');
  if (!input) return;
  const told = document.createElement("output");
  told.className = "told";
  told.setAttribute("for", input.id);
  beside(input);
  input.parentElement.after(told);
  // Digits need the keypad, which has no X; another document needs letters, so the whole keyboard is one touch away.
  input.inputMode = "numeric";
  const x = document.createElement("button");
  Object.assign(x, { type: "button", className: "button", textContent: "X" });
  x.addEventListener("click", () => {
    input.value += "X";
    if (tidy(input.value).length < 18) input.inputMode = "text";
    input.focus();
    fillFromNumber(input, told);
  });
  input.parentElement.append(x);
  input.addEventListener("input", () => fillFromNumber(input, told));
  input.addEventListener("change", () => fillFromNumber(input, told));
}

function beside(input) {
  const row = document.createElement("div");
  row.className = "beside";
  input.replaceWith(row);
  row.append(input);
}

// ---- sending, and keeping what cannot be sent now
function valuesOf(asked) {
  const values = {};
  for (const [name, value] of new FormData(asked)) {
    if (["csrfmiddlewaretoken", "token", "site"].includes(name) || typeof value !== "string" || !value.trim()) continue;
    values[name] = name in values ? `${values[name]};${value.trim()}` : value.trim();
  }
  return values;
}

/** Where the server cannot be asked: every needed answer is there, else the first that is not is said. */
function isComplete() {
  for (const field of form.querySelectorAll(".field:not([hidden])")) {
    if (!field.querySelector(".due")) continue;
    const inputs = [...field.querySelectorAll("input, select, textarea")];
    const answered = inputs.some((one) => (["radio", "checkbox"].includes(one.type) ? one.checked : one.value.trim()));
    field.querySelector(".error[data-needed]")?.remove();
    if (answered) continue;
    const said = Object.assign(document.createElement("span"), { className: "error", textContent: words.needed });
    said.dataset.needed = "";
    field.append(said);
    inputs[0].focus();
    return false;
  }
  return true;
}

/** Ready for the next person: nothing of the last one, what is usual, and what the sitting carries on. */
function fresh() {
  const { answers, carried, moment, days } = JSON.parse(document.getElementById("phone-usual").textContent);
  const before = valuesOf(form);
  for (const input of form.querySelectorAll(".field input, .field textarea, .field select")) {
    if (["radio", "checkbox"].includes(input.type)) input.checked = false;
    else if (input.name !== "site") input.value = "";
  }
  const { date, time } = cityNow();
  const site = form.elements.namedItem("site").value;
  for (const [name, text] of Object.entries(answers)) put(name, text);
  for (const name of carried) if (before[name]) put(name, before[name]);
  for (const name of days) put(name, date);
  put(moment, form.querySelector(`[name="${moment}"]`).type === "date" ? date : `${date}T${time.slice(0, 5)}`);
  put("card_no", `${site}-${date.replaceAll("-", "")}-${time.replaceAll(":", "")}`);
  form.elements.namedItem("token").value = newKey();
  photos.clear();
  form.querySelectorAll(".told").forEach((one) => (one.textContent = ""));
  form.querySelectorAll(".error").forEach((one) => one.remove());
  form.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
}

function sayLine(word) {
  const line = document.querySelector("[data-said]");
  line.hidden = !word;
  line.textContent = word ? words[word] : "";
  if (word) line.scrollIntoView({ block: "nearest" });
}

async function submitted(event) {
  if (form.dataset.sent) return event.preventDefault(); // pressed twice in haste
  if (document.querySelector("form[data-report]") !== form || !canSeal()) return;
  event.preventDefault();
  if ((offline || !navigator.onLine) && !isComplete()) return void setTimeout(() => delete form.dataset.sent);
  const [key, site] = [form.elements.namedItem("token").value, form.elements.namedItem("site").value];
  const { report: code, title } = form.dataset;
  const { owner, publicKey } = settings;
  const sealed = (values, form, key) => seal({ key, form, site, values }, { owner, publicKey });
  try {
    const pictures = await Promise.all(photos.all().map(async (one) => sealed({ of: key, picture: await written(one) }, "photo", newKey())));
    await keep(owner, title, await sealed(valuesOf(form), code, key), pictures, words.photo);
  } catch {
    return void form.submit(); // nothing can be kept here
  }
  const { answers, state } = await flush({ mended: key });
  const became = answers.get(key);
  if (became?.done) return void location.assign(became.done);
  if (became?.refused && !offline) {
    await forget(key);
    return void form.submit(); // the server says beside each question what is wrong
  }
  delete form.dataset.sent;
  fresh();
  sayLine(became?.refused ? "" : state === "signIn" ? "keptSignIn" : "kept");
}

// ---- the page opens without a line: its shell and its files, never a list, never a person
const CACHE = "citywatch-phone";
async function keepShell() {
  if (!("serviceWorker" in navigator) || !window.caches) return;
  await navigator.serviceWorker.register(settings.worker, { scope: settings.scope });
  const owners = `${settings.scope}owner`;
  const shells = await caches.open(CACHE);
  const before = await shells.match(owners).then((answer) => answer?.text());
  if (before !== settings.owner) {
    await caches.delete(CACHE); // another account's shell carries its key and its sites
    await (await caches.open(CACHE)).put(owners, new Response(settings.owner));
  }
  const answer = await fetch(form.dataset.shell, { redirect: "error" });
  if (!answer.ok) return;
  const cache = await caches.open(CACHE);
  const page = new DOMParser().parseFromString(await answer.clone().text(), "text/html");
  const files = [...page.querySelectorAll("link[href], script[src]")].map((one) => one.getAttribute("href") ?? one.getAttribute("src"));
  await cache.addAll(files);
  await cache.put(`${form.action}`, answer);
}

let photos;
if (form) {
  photos = offerPhotos(canSeal() ? form : document.createElement("form"), words);
  wireNumber();
  const barcode = form.querySelector('[name="sample_barcode"]');
  if (barcode) beside(barcode);
  offerScans(form, words, put).catch(() => {}); // a browser that says it reads codes and does not: there is the keyboard
}
if (form?.dataset.report && canSeal()) {
  form.addEventListener("submit", submitted);
  if (offline) fresh();
  else {
    try {
      localStorage.setItem(OFFSET, String(ahead));
    } catch {} // private browsing
    keepShell().catch(() => {}); // without a worker the page still keeps reports while it is open
  }
}
