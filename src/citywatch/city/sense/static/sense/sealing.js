// Seals a report under the public key of its account; only the server can open it (see sense/envelopes.py).

const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
const text = (buffer) => btoa(Array.from(new Uint8Array(buffer), (one) => String.fromCharCode(one)).join("")); // a photo is longer than a call takes
const CURVE = { name: "ECDH", namedCurve: "P-256" };

export const canSeal = () => Boolean(window.crypto?.subtle && window.indexedDB);

/** A key that names this report for good: whoever sends it twice is answered with the first receipt. */
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");

export async function seal({ key, form, site, values }, { owner, publicKey }) {
  const theirs = await crypto.subtle.importKey("raw", bytes(publicKey), CURVE, false, []);
  const ours = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", ours.publicKey));
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, ours.privateKey, 256);
  const whole = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  const derive = { name: "HKDF", hash: "SHA-256", salt: point, info: new TextEncoder().encode("citywatch phone 1") };
  const secret = await crypto.subtle.deriveKey(derive, whole, { name: "AES-GCM", length: 256 }, false, ["encrypt"]);
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const additionalData = new TextEncoder().encode([owner, key, form, site].join("|"));
  const plain = new TextEncoder().encode(JSON.stringify(values));
  const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData }, secret, plain);
  return { key, form, site, point: text(point), nonce: text(nonce), box: text(box) };
}
