// Photos of a report: drawn anew and made small before they leave the page. What the camera wrote into the file (where,
// when, with which telephone) is not in what is drawn.

export const MOST_BYTES = 200_000;
export const MOST = 6;
const SIDES = [1600, 1200, 900, 640];
const QUALITIES = [0.8, 0.6, 0.4];

/** The file's picture as a JPEG of at most `MOST_BYTES`. */
export async function reduced(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  for (const side of SIDES) {
    const canvas = drawn(picture, side);
    for (const quality of QUALITIES) {
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
      if (blob && blob.size <= MOST_BYTES) return { blob, small: drawn(picture, 96).toDataURL("image/jpeg", 0.6) };
    }
  }
  throw new Error("a picture that does not get small");
}

function drawn(picture, side) {
  const scale = Math.min(1, side / Math.max(picture.width, picture.height));
  const [width, height] = [picture.width, picture.height].map((one) => Math.max(1, Math.round(one * scale)));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(picture, 0, 0, width, height);
  return canvas;
}

/** A picture as text, for an envelope. */
export async function written(blob) {
  const signs = [];
  for (const byte of new Uint8Array(await blob.arrayBuffer())) signs.push(String.fromCharCode(byte));
  return btoa(signs.join(""));
}

/** Wire a form's field for photos; gives those taken, and a way to let them go. */
export function offerPhotos(form, words) {
  const field = form.querySelector("[data-photos]");
  if (!field || !window.createImageBitmap) return { all: () => [], clear() {} };
  const [input, list] = [field.querySelector("input"), field.querySelector("[data-taken]")];
  const taken = new Map();
  field.hidden = false;
  input.addEventListener("change", async () => {
    const files = [...input.files];
    input.value = "";
    const tooMany = words.photoTooMany.replace(/\{\w+\}/, MOST);
    let wrong = "";
    for (const file of files) {
      if (taken.size >= MOST) wrong = tooMany;
      else await reduced(file).then((one) => show(one), () => (wrong = words.photoUnread));
    }
    input.setCustomValidity(wrong);
    if (wrong) input.reportValidity();
    input.setCustomValidity("");
  });

  function show({ blob, small }) {
    const item = document.createElement("li");
    const off = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: words.photoOff });
    off.addEventListener("click", () => {
      taken.delete(item);
      item.remove();
    });
    item.append(Object.assign(document.createElement("img"), { src: small, alt: words.photo }), off);
    taken.set(item, blob);
    list.append(item);
  }

  return {
    all: () => [...taken.values()],
    clear() {
      taken.clear();
      list.replaceChildren();
    },
  };
}
