// What is suggested while one types: arrows walk through it, Escape puts it away.
"use strict";

document.addEventListener("keydown", (event) => {
  const box = document.querySelector("form.search");
  const list = document.getElementById("suggestions");
  if (!box || !list || !box.contains(document.activeElement)) return;
  if (event.key === "Escape") {
    list.replaceChildren();
    document.getElementById("search").focus();
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops = [document.getElementById("search"), ...list.querySelectorAll("a")];
  const here = stops.indexOf(document.activeElement);
  const next = stops[here + (event.key === "ArrowDown" ? 1 : -1)];
  if (here === -1 || !next) return;
  event.preventDefault();
  next.focus();
});

document.addEventListener("focusout", (event) => {
  const box = document.querySelector("form.search");
  if (!box || !box.contains(event.target) || box.contains(event.relatedTarget)) return;
  document.getElementById("suggestions").replaceChildren();
});
