// One box above a column of boxes ticks them all.

for (const all of document.querySelectorAll("[data-all]")) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of all.closest("table").querySelectorAll(`tbody input[name="${all.dataset.all}"]`)) box.checked = all.checked;
  });
}
