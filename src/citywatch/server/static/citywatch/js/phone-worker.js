// The phone form opens without a line: a page that cannot be fetched is answered with the form's kept shell.
// It keeps nothing by itself; the form page puts the shell and its files into the cache (see sense/form.js). No list, no
// receipt and no person ever comes in here.

const CACHE = "citywatch-phone";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const { pathname, origin } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).then((answer) => (answer.status < 500 ? answer : shell(pathname, answer)), () => shell(pathname)));
  else if (pathname.startsWith("/static/")) event.respondWith(fetch(request).catch(() => kept(pathname)));
});

const kept = async (path) => (await caches.open(CACHE)).match(path, { ignoreSearch: true, ignoreVary: true }).then((found) => found ?? Response.error());

async function shell(path, otherwise) {
  const cache = await caches.open(CACHE);
  const forms = (await cache.keys()).map((one) => new URL(one.url).pathname).filter((one) => one.includes("/forms/"));
  const wanted = forms.includes(path) ? path : forms[0];
  return wanted ? kept(wanted) : (otherwise ?? Response.error());
}
