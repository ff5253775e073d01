// Reports that wait on this phone: kept sealed, sent in turn, gone when the server has acknowledged them.

const NAME = "citywatch-phone";
const PATIENCE = 86_400_000; // milliseconds a photo waits for a report that has not arrived
const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

let opened;
function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("reports", { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function reports(mode, act) {
  const transaction = (await database()).transaction("reports", mode);
  const result = await settled(act(transaction.objectStore("reports")));
  if (mode === "readwrite") {
    await new Promise((resolve, reject) => {
      if (transaction.error) reject(transaction.error);
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
  }
  return result;
}

/** A report of `owner` is on this phone from here on, whatever happens to the page; with it its photos, or neither. */
export const keep = (owner, title, envelope, photos = [], photoTitle = "") =>
  reports("readwrite", (store) => {
    photos.forEach((one, n) => store.put({ key: one.key, of: envelope.key, owner, title: photoTitle, at: Date.now() + n + 1, envelope: one }));
    return store.put({ key: envelope.key, owner, title, at: Date.now(), envelope });
  });

export const forget = (key) => reports("readwrite", (store) => store.delete(key));

/** What waits of this account; another account's reports are neither shown nor counted. */
export async function kept(owner) {
  const all = await reports("readonly", (store) => store.getAll());
  return all.filter((one) => one.owner === owner).sort((a, b) => a.at - b.at);
}

/**
 * Send what waits of `owner`, oldest first, a photo after the report it belongs to. `told` is called with each and what
 * became of it: {sent: receipt, done} or {refused: [sentences]}; those whose key is in `but` are left. Returns "done",
 * "offline" or "signIn".
 */
export async function send({ queue: address, photoQueue }, owner, told, but = new Set()) {
  const all = await kept(owner);
  const here = new Set(all.filter((one) => !one.of).map((one) => one.key));
  const waiting = all.filter((one) => !but.has(one.key));
  if (!waiting.length) return "done";
  const who = await ask(address, { headers: { Accept: "application/json" } });
  if (who.state !== "answered" || !who.answer.ok) return who.state === "signIn" ? "signIn" : "offline";
  const { owner: signedIn, token } = who.body;
  if (signedIn !== owner) return "signIn";
  for (const report of waiting) {
    if (here.has(report.of)) continue; // its report is refused, and waits to be mended
    const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
    const { state, answer, body } = await ask(report.of ? photoQueue : address, { method: "POST", headers, body: JSON.stringify(report.envelope) });
    if (state !== "answered") return state;
    if (answer.ok) {
      await forget(report.key);
      here.delete(report.key);
      told(report, { sent: body.receipt, done: body.done });
    } else if (report.of && answer.status === 409 && Date.now() - report.at < PATIENCE) continue; // its report is being mended
    else told(report, { refused: body.refused ?? [`${answer.status}`] });
  }
  return "done";
}

export async function ask(address, options) {
  const answer = await fetch(address, { ...options, redirect: "manual", cache: "no-store" }).catch(() => null);
  if (!answer || answer.status >= 500 || answer.status === 429) return { state: "offline" };
  if (answer.type === "opaqueredirect" || answer.status === 401) return { state: "signIn" };
  const body = await answer.json().catch(() => null);
  return body ? { state: "answered", answer, body } : { state: "offline" }; // somebody else's page, as of a hotel's network
}
