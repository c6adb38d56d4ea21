// On a narrow screen a row of a wide table is a card: each value stands beside the name of its column. Tables of numbers scroll.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".bd-article table.table")) {
    const names = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
    if (names.length < 4 || table.querySelector(".text-right")) continue;
    table.classList.add("cards");
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.cells].forEach((cell, place) => {
        cell.dataset.name = names[place];
        cell.classList.toggle("nothing", !cell.textContent.trim());
      });
    }
  }
});

// What the theme and notebooks leave without a name or out of reach of the keyboard.
document.addEventListener("DOMContentLoaded", () => {
  for (const toggle of document.querySelectorAll("nav summary")) toggle.setAttribute("aria-label", "Pages below");
  for (const output of document.querySelectorAll('.cell_output div[style*="overflow-x"]')) output.tabIndex = 0;
});
