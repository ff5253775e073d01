// The interview by keyboard: places by three letters, a new line by Enter, rows pasted from a spreadsheet, every line kept
// as soon as it is left, and captured visits answered with one key each. Without this script the form still works.

const form = document.querySelector("#interview");
const chinese = document.documentElement.lang.startsWith("zh");
const say = (zh, en) => (chinese ? zh : en);
const token = form.querySelector("[name=csrfmiddlewaretoken]").value;

async function post(address, fields) {
  const answer = await fetch(address, { method: "POST", body: fields, headers: { Accept: "application/json", "X-CSRFToken": token } });
  const text = await answer.text();
  let told = {};
  try { told = JSON.parse(text); } catch { told = {}; }
  if (!answer.ok && !told.problem) told.problem = new DOMParser().parseFromString(text, "text/html").querySelector("[role=alert], .refusal, h1")?.textContent.trim() || `${answer.status}`;
  return told;
}

// ---- lines ----------------------------------------------------------------------------------------------------------
const fieldsOf = (line) => [...line.querySelectorAll("input:not([type=hidden]), select")];
const textOf = (line) => [...line.querySelectorAll("input:not([type=hidden])")].map((input) => input.value.trim()).join("");
const must = { stay: ["stay_place", "stay_from", "stay_to"], contact: ["contact_last"] };
const whole = (line) => must[line.dataset.kind].every((name) => line.querySelector(`[name=${name}]`).value.trim());

/** An empty copy of a line after it. */
function another(line) {
  const made = line.cloneNode(true);
  for (const input of made.querySelectorAll("input")) {
    input.value = "";
    input.readOnly = false;
    input.removeAttribute("aria-invalid");
  }
  for (const select of made.querySelectorAll("select")) [select.selectedIndex, select.disabled] = [0, false];
  const output = made.querySelector("output");
  [output.textContent, output.className] = ["", "note"];
  delete made.dataset.sent;
  line.parentElement.append(made);
  return made;
}

function next(line) {
  const following = line.nextElementSibling ?? another(line);
  fieldsOf(following)[0].focus();
}

function signature(line) {
  return [...line.querySelectorAll("input, select")].map((field) => field.value).join("\u0001");
}

let waiting = Promise.resolve();

/** Keep a line now, one after another; what was sent is not sent again unless it changed. */
function keep(line) {
  const isEmptied = !textOf(line) && line.querySelector("[name=stay_row]")?.value;
  if ((!whole(line) && !isEmptied) || line.dataset.sent === signature(line)) return waiting;
  if (line.dataset.kind === "contact" && line.querySelector("[name=contact_row]").value) return waiting;
  if (line.dataset.kind === "stay" && !isEmptied) inheritDay(line);
  line.dataset.sent = signature(line);
  waiting = waiting.then(async () => {
    const fields = new FormData();
    for (const field of line.querySelectorAll("input, select")) fields.append(field.name, field.value);
    const told = await post(form.dataset.line, fields);
    const output = line.querySelector("output");
    output.className = told.problem ? "error" : "note";
    fieldsOf(line)[0].toggleAttribute("aria-invalid", Boolean(told.problem));
    if (told.problem) {
      output.textContent = told.problem;
      return;
    }
    const number = (line.dataset.kind === "stay" ? told.stays : told.contacts)?.[0];
    line.querySelector("input[type=hidden]").value = number ?? "";
    output.textContent = number ? `✓${line.dataset.kind === "contact" ? ` K${`${number}`.padStart(4, "0")}` : ""}` : say("已删除", "removed");
    // Who a kept contact is lies in the vault; corrections are made on the case's page.
    if (line.dataset.kind === "contact") for (const field of fieldsOf(line)) field[field.tagName === "SELECT" ? "disabled" : "readOnly"] = true;
    line.dataset.sent = signature(line);
    document.querySelector("#kept").textContent = say("已保存草稿", "Draft kept");
  });
  return waiting;
}

function inheritDay(line) {
  const day = line.querySelector("[name=stay_day]");
  for (let above = line.previousElementSibling; !day.value && above; above = above.previousElementSibling) day.value = above.querySelector("[name=stay_day]").value;
}

for (const line of form.querySelectorAll(".line")) if (line.querySelector("input[type=hidden]").value) line.dataset.sent = signature(line);

form.addEventListener("focusout", (event) => {
  const line = event.target.closest(".line");
  if (line && !line.contains(event.relatedTarget)) keep(line);
  if (event.target.closest("[data-core]") && !event.target.closest("[data-core]").contains(event.relatedTarget)) keepCore();
});

let coreSent = core();
function core() {
  return [...form.querySelectorAll("[data-core] input, [data-core] select")].map((field) => `${field.name}=${field.value}`).join("&");
}

function keepCore() {
  if (core() === coreSent) return;
  coreSent = core();
  const fields = new FormData();
  for (const field of form.querySelectorAll("[data-core] input, [data-core] select")) fields.append(field.name, field.value);
  waiting = waiting.then(async () => {
    const told = await post(form.dataset.line, fields);
    document.querySelector("#kept").textContent = told.problem ?? say("已保存草稿", "Draft kept");
  });
}

form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    waiting.then(() => form.requestSubmit());
    return;
  }
  const line = event.target.closest(".line");
  if (!line || event.target.tagName === "SUMMARY" || event.defaultPrevented) return;
  event.preventDefault(); // Enter in a line never sends the form
  if ("last" in event.target.dataset || (event.target.closest("details") && whole(line))) next(line);
  else fieldsOf(line)[fieldsOf(line).indexOf(event.target) + 1]?.focus();
});

form.addEventListener("submit", () => {
  // What is kept already need not travel again, least of all a name.
  for (const line of form.querySelectorAll(".line[data-kind=contact]")) if (line.querySelector("[name=contact_row]").value) line.remove();
});

// ---- rows pasted from a spreadsheet ---------------------------------------------------------------------------------
const HEAD = /^(姓名|name|contact|联系人)$/i;

form.addEventListener("paste", (event) => {
  const line = event.target.closest(".line[data-kind=contact]");
  const text = event.clipboardData.getData("text/plain");
  if (!line || !/[\t\n]/.test(text.trim())) return;
  event.preventDefault();
  const rows = text.trim().split(/\r?\n/).map((row) => row.split("\t").map((cell) => cell.trim())).filter((row) => row.some(Boolean) && !HEAD.test(row[0]));
  let at = line;
  rows.forEach(([name = "", phone = "", relation = "", last = ""], number) => {
    if (number) at = at.nextElementSibling ?? another(at);
    for (const [field, value] of Object.entries({ name, phone, relation, last })) at.querySelector(`[name=contact_${field}]`).value = value;
    keep(at);
  });
  next(at);
});

// ---- places by their first letters ----------------------------------------------------------------------------------
let list = null;

function close(input) {
  list?.remove();
  list = null;
  input?.setAttribute("aria-expanded", "false");
  input?.removeAttribute("aria-activedescendant");
}

function mark(input, at) {
  const options = [...list.children];
  options.forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
  list.dataset.at = at;
  input.setAttribute("aria-activedescendant", options[at].id);
  options[at].scrollIntoView({ block: "nearest" });
}

function choose(input) {
  input.value = list.children[list.dataset.at].textContent;
  input.dataset.chosen = input.value;
  close(input);
}

let asked = 0;
async function offer(input) {
  const typed = input.value.trim();
  const number = ++asked;
  if (typed.length < 2 || typed === input.dataset.chosen) return close(input);
  const answer = await fetch(`${form.dataset.places}?q=${encodeURIComponent(typed)}`);
  const found = [...new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll("option")].map((option) => option.value);
  if (number !== asked || document.activeElement !== input) return undefined;
  close(input);
  if (!found.length) return undefined;
  list = document.createElement("ul");
  [list.className, list.id] = ["choices", "choices"];
  list.setAttribute("role", "listbox");
  found.forEach((text, i) => {
    const option = document.createElement("li");
    [option.id, option.textContent] = [`choice-${i}`, text];
    option.setAttribute("role", "option");
    option.addEventListener("mousedown", (event) => {
      event.preventDefault();
      list.dataset.at = i;
      choose(input);
    });
    list.append(option);
  });
  input.closest("label").append(list);
  input.setAttribute("aria-expanded", "true");
  input.setAttribute("aria-controls", "choices");
  return mark(input, 0);
}

form.addEventListener("input", (event) => event.target.matches("[role=combobox]") && offer(event.target));
form.addEventListener("focusout", (event) => event.target.matches("[role=combobox]") && close(event.target));
form.addEventListener("keydown", (event) => {
  if (!list || !event.target.matches("[role=combobox]")) return;
  const [at, most] = [Number(list.dataset.at), list.children.length];
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    mark(event.target, (at + (event.key === "ArrowDown" ? 1 : most - 1)) % most);
  } else if (event.key === "Tab" || (event.key === "Enter" && !event.ctrlKey && !event.isComposing)) choose(event.target);
  else if (event.key === "Escape") close(event.target);
}, true);

// ---- captured visits: one key each ----------------------------------------------------------------------------------
const KEYS = { y: "confirmed", n: "denied" };

async function answer(item, said) {
  const fields = new FormData(item.querySelector("form"));
  fields.set("said", said);
  const told = await post(item.querySelector("form").action, fields);
  item.querySelector("output").textContent = told.problem ?? `✓ ${told.said}`;
  if (told.problem) return;
  item.classList.add("answered");
  item.classList.remove("opened");
}

function onward(item) {
  const rest = [...document.querySelectorAll("[data-captured]:not(.answered)")].filter((one) => one !== item);
  const after = rest.find((one) => item.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING) ?? rest[0];
  (after ?? form.querySelector(".lines-stay .line:last-child input:not([type=hidden])")).focus();
}

for (const item of document.querySelectorAll("[data-captured]")) {
  item.addEventListener("keydown", (event) => {
    if (event.target !== item || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (KEYS[key]) {
      event.preventDefault();
      answer(item, KEYS[key]);
      onward(item);
    } else if (key === "c") {
      event.preventDefault();
      item.classList.add("opened");
      item.querySelector("[name=really_from]").select();
    }
  });
  item.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter && "opens" in event.submitter.dataset && !item.classList.contains("opened") && document.activeElement?.name !== "really_to") {
      item.classList.add("opened");
      item.querySelector("[name=really_from]").select();
      return;
    }
    const isTyped = item.classList.contains("opened") && event.submitter?.value !== "denied";
    answer(item, isTyped ? "corrected" : (event.submitter?.value ?? "confirmed"));
    onward(item);
  });
}
(document.querySelector("[data-captured]") ?? form.querySelector(".lines-stay .line:last-child input:not([type=hidden])"))?.focus();
