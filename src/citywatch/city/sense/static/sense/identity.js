// A resident ID number (GB 11643-1999): is it whole, and what it says of sex, birth date and where it was issued.

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

export const tidy = (text) =>
  text.replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0)).replace(/[\s-]/g, "").toUpperCase();

/** {born: {year, month, day}, sex, region} or {wrong: which word says why}, or null while it may still become one. */
export function read(number, regions) {
  if (!/^[1-9]\d{0,16}[\dX]?/.test(number) || /[^\dX]/.test(number)) return null; // a passport or another document
  if (number.length > 18 && /^\d+X?$/.test(number)) return { wrong: "tooLong" };
  if (!/^\d{17}[\dX]$/.test(number)) return null;
  const [year, month, day] = [number.slice(6, 10), number.slice(10, 12), number.slice(12, 14)].map(Number);
  const date = new Date(year, month - 1, day);
  if (year < 1800 || date.getMonth() !== month - 1 || date.getDate() !== day) return { wrong: "wrongDate" };
  const sum = WEIGHTS.reduce((total, weight, at) => total + weight * Number(number[at]), 0);
  if ("10X98765432"[sum % 11] !== number[17]) return { wrong: "wrongDigit" };
  const region = regions[number.slice(0, 6)] ?? regions[number.slice(0, 2)] ?? "";
  return { born: { year, month, day }, sex: Number(number[16]) % 2 ? "M" : "F", region };
}

/** Whole years; under one year whole months, under one month days, as a baby's age is told. */
export function age(born, now) {
  const months = (now.year - born.year) * 12 + now.month - born.month - (now.day < born.day ? 1 : 0);
  if (months >= 12) return { count: Math.floor(months / 12), unit: "Y" };
  if (months >= 1) return { count: months, unit: "M" };
  const days = (Date.UTC(now.year, now.month - 1, now.day) - Date.UTC(born.year, born.month - 1, born.day)) / 86_400_000;
  return { count: Math.max(0, days), unit: "D" };
}
