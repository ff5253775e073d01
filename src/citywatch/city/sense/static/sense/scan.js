// A bar code or QR code by the phone's own camera, where the browser can read codes; elsewhere the button is not there.
// A photograph is asked for instead of a running camera: that works inside a plain web view too, and asks for no right.

const READS = { id_number: /[1-9]\d{16}[\dXx]/, sample_barcode: /\S+/ };

export async function offerScans(form, words, put) {
  if (!("BarcodeDetector" in window) || !(await BarcodeDetector.getSupportedFormats()).length) return;
  const detector = new BarcodeDetector();
  for (const [name, reads] of Object.entries(READS)) {
    const input = form.querySelector(`[name="${name}"]`);
    if (input) offer(input, detector, reads, words, (text) => put(name, text));
  }
}

function offer(input, detector, reads, words, put) {
  const photo = document.createElement("input");
  Object.assign(photo, { type: "file", accept: "image/*", capture: "environment", hidden: true });
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "button", textContent: words.scan });
  button.setAttribute("data-scan", input.name);
  button.addEventListener("click", () => photo.click());
  photo.addEventListener("change", async () => {
    if (!photo.files.length) return;
    const found = await createImageBitmap(photo.files[0]).then((picture) => detector.detect(picture)).catch(() => []);
    photo.value = "";
    const text = found.map((code) => code.rawValue.match(reads)?.[0]).find(Boolean);
    input.setCustomValidity(text ? "" : words.nothingRead);
    if (text) put(text);
    else input.reportValidity();
    input.setCustomValidity("");
  });
  input.parentElement.append(button, photo);
}
