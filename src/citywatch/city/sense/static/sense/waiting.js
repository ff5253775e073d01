// Reports that wait on this phone, as a person sees them: how many, sent, refused with the reason, to be mended or removed.
// They are sent when the page opens, when the line returns, when the page is looked at again, and every half minute.
import { ask, forget, kept, send } from "./queue.js";

const section = document.querySelector("[data-queue]");
const EVERY = 30_000;
export const words = JSON.parse(document.getElementById("phone-words").textContent);
/** Whose page this is, their public key, and the addresses the scripts ask. */
export const settings = section?.dataset ?? {};
const refusals = new Map();
let sent = 0;
let last = "done";
let sending = Promise.resolve();

const say = (word, n) => words[word].replace(/\{\w+\}/, n);

/**
 * Send what waits, one round after the other: {answers: by report's key, state: "done", "offline" or "signIn"}. What was
 * refused is left until it is mended: `mended` is such a report's key.
 */
export function flush({ mended = "" } = {}) {
  const next = () => round(mended);
  sending = sending.then(next, next);
  return sending;
}

async function round(mended) {
  refusals.delete(mended);
  const answers = new Map();
  const told = (report, became) => {
    answers.set(report.key, became);
    if (became.refused) refusals.set(report.key, became.refused);
    else sent += 1;
  };
  last = await send(settings, settings.owner, told, new Set(refusals.keys()));
  await show();
  return { answers, state: last };
}

async function show() {
  const all = await kept(settings.owner);
  const refused = all.filter((one) => refusals.has(one.key)).length;
  const counts = { waiting: all.length - refused, sent, refused };
  const parts = Object.entries(counts).filter(([word, n]) => n || word === "waiting");
  const told = parts.map(([word, n]) => say(word, n));
  if (last === "signIn" && all.length) told.push(words.signIn);
  section.hidden = !all.length && !sent;
  Object.assign(section.dataset, counts);
  section.querySelector("[data-state]").textContent = told.join(" · ");
  section.querySelector("[data-kept]").replaceChildren(...all.map(line));
}

function line(report) {
  const at = new Date(report.at).toTimeString().slice(0, 5);
  const made = make("li", { textContent: `${report.title} · ${at}` });
  const sentences = refusals.get(report.key);
  if (!sentences) return made;
  const acts = make("div", { className: "cluster" });
  if (!report.of) acts.append(button("mend", () => mend(report)));
  acts.append(button("remove", () => remove(report)));
  made.append(make("p", { className: "told wrong", textContent: sentences.join(" ") }), acts);
  return made;
}

const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

function button(word, act) {
  const made = make("button", { type: "button", className: "button", textContent: words[word] });
  made.dataset.act = word;
  made.addEventListener("click", act);
  return made;
}

async function remove(report) {
  if (!confirm(words.removeSure)) return;
  const photos = (await kept(settings.owner)).filter((one) => one.of === report.key);
  for (const one of [report, ...photos]) {
    await forget(one.key);
    refusals.delete(one.key);
  }
  await show();
}

/** Post the sealed report to the page that opens it for its author, with what is wrong beside each question. */
async function mend(report) {
  const who = await ask(settings.queue, {});
  if (who.state !== "answered") return;
  const post = make("form", { method: "post", action: settings.mend, hidden: true });
  for (const [name, value] of Object.entries({ csrfmiddlewaretoken: who.body.token, envelope: JSON.stringify(report.envelope) })) {
    post.append(make("input", { type: "hidden", name, value }));
  }
  document.body.append(post);
  post.submit();
}

if (section && window.crypto?.subtle && window.indexedDB) {
  addEventListener("online", () => flush());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && flush());
  setInterval(() => flush(), EVERY);
  flush();
}
