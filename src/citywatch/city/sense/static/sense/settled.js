// On a receipt: the report it answers need not wait on this phone any longer (it was mended, or its first answer was lost).
import { forget } from "./queue.js";

const key = document.querySelector("[data-settled]")?.dataset.settled;
if (key && window.indexedDB) forget(key).catch(() => {}); // a web view that keeps nothing has nothing to forget
