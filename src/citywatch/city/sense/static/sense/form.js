// Fills sex, age and birth date from a resident ID number.
// The server checks everything again; without this script the page works, only slower to fill in.
const form = document.querySelector("form[data-report]") ?? document.querySelector("main form");
const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

function bornOn(number) {
  if (!/^[1-9]\d{16}[\dX]$/.test(number)) return null;
  const sum = WEIGHTS.reduce((total, weight, at) => total + weight * Number(number[at]), 0);
  if ("10X98765432"[sum % 11] !== number[17]) return null;
  const [year, month, day] = [number.slice(6, 10), number.slice(10, 12), number.slice(12, 14)].map(Number);
  const born = new Date(year, month - 1, day);
  return born.getMonth() === month - 1 && born.getDate() === day ? { year, month, day } : null;
}

function put(name, value) {
  for (const input of form.querySelectorAll(`[name="${name}"]`)) {
    if (input.type === "radio") input.checked = input.value === value;
    else input.value = value;
  }
}

function today() {
  const shown = document.querySelector("[data-city-now]")?.dataset.cityNow;
  const now = shown ? new Date(shown) : new Date();
  const [year, month, day] = new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Shanghai" }).format(now).split("-").map(Number);
  return { year, month, day };
}

function fillFromNumber(event) {
  const number = event.target.value.replace(/[\s-]/g, "").toUpperCase();
  const born = bornOn(number);
  if (!born) return;
  const now = today();
  const birthdayToCome = now.month < born.month || (now.month === born.month && now.day < born.day);
  put("sex", Number(number[16]) % 2 ? "M" : "F");
  put("age", String(now.year - born.year - (birthdayToCome ? 1 : 0)));
  put("age_unit", "Y");
  put("birth_date", `${number.slice(6, 10)}-${number.slice(10, 12)}-${number.slice(12, 14)}`);
}

form?.querySelector('[name="id_number"]')?.addEventListener("input", fillFromNumber);
