"use strict";
(function () {
  // The contents follow the reader: the entry of the section in view is marked.
  const links = new Map();
  document.querySelectorAll("#toc a").forEach((link) => {
    links.set(decodeURIComponent(link.hash.slice(1)), link);
  });
  const sections = Array.from(document.querySelectorAll("main section[id]"))
    .filter((section) => links.has(section.id));
  let current = null;

  function follow() {
    const line = 120;
    let found = null;
    for (const section of sections) {
      if (section.getBoundingClientRect().top <= line) found = section;
    }
    const link = found ? links.get(found.id) : null;
    if (link === current) return;
    document.querySelectorAll("#toc [aria-current], #toc .open").forEach((element) => {
      element.removeAttribute("aria-current");
      element.classList.remove("open");
    });
    current = link;
    if (!link) return;
    link.setAttribute("aria-current", "true");
    for (let item = link.closest("li"); item; item = item.parentElement.closest("li")) {
      item.classList.add("open");
    }
    const box = document.getElementById("toc");
    const place = link.offsetTop;
    if (place < box.scrollTop + 40 || place > box.scrollTop + box.clientHeight - 60) {
      box.scrollTop = place - box.clientHeight / 3;
    }
  }

  let waiting = false;
  window.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    window.requestAnimationFrame(() => { waiting = false; follow(); });
  }, { passive: true });
  follow();

  // On a narrow screen the contents fold away.
  const toggle = document.querySelector(".toc-toggle");
  const list = document.getElementById("toc-list");
  function fold(open) {
    toggle.setAttribute("aria-expanded", String(open));
    list.classList.toggle("shown", open);
  }
  toggle.addEventListener("click", () => fold(toggle.getAttribute("aria-expanded") !== "true"));
  list.addEventListener("click", (event) => { if (event.target.closest("a")) fold(false); });

  // Tabs: without this script the panels simply stand one below the other.
  document.querySelectorAll(".tabset").forEach((set, s) => {
    const panels = Array.from(set.querySelectorAll(":scope > .tab"));
    const bar = document.createElement("div");
    bar.className = "tab-bar";
    bar.setAttribute("role", "tablist");
    const buttons = panels.map((panel, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.id = `tab-${s}-${i}`;
      button.textContent = panel.querySelector(".tab-title").textContent;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", `panel-${s}-${i}`);
      panel.id = `panel-${s}-${i}`;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", button.id);
      bar.append(button);
      return button;
    });
    function choose(chosen, focus) {
      buttons.forEach((button, i) => {
        const on = i === chosen;
        button.setAttribute("aria-selected", String(on));
        button.tabIndex = on ? 0 : -1;
        panels[i].classList.toggle("hidden", !on);
      });
      if (focus) buttons[chosen].focus();
    }
    bar.addEventListener("click", (event) => {
      const i = buttons.indexOf(event.target);
      if (i >= 0) choose(i, false);
    });
    bar.addEventListener("keydown", (event) => {
      const i = buttons.indexOf(event.target);
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (i < 0 || !step) return;
      event.preventDefault();
      choose((i + step + buttons.length) % buttons.length, true);
    });
    set.classList.add("live");
    set.prepend(bar);
    choose(0, false);
  });

  // A table wider than its box can be scrolled by keyboard too, and says which one it is.
  function boxes() {
    document.querySelectorAll(".scroll").forEach((box, i) => {
      const wide = box.scrollWidth > box.clientWidth + 1;
      const figure = box.closest("figure");
      const caption = figure && figure.querySelector("figcaption");
      if (caption && !caption.id) caption.id = `caption-${i}`;
      box.toggleAttribute("tabindex", wide);
      if (!wide) return;
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      if (caption) box.setAttribute("aria-labelledby", caption.id);
      else box.setAttribute("aria-label", "Table");
    });
  }
  window.addEventListener("resize", boxes);
  boxes();

  // A link into a folded or hidden place opens it first.
  function reveal() {
    const id = decodeURIComponent(window.location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (!target) return;
    for (let box = target; box; box = box.parentElement) {
      if (box.tagName === "DETAILS") box.open = true;
      if (box.classList.contains("tab") && box.classList.contains("hidden")) {
        document.getElementById(box.getAttribute("aria-labelledby")).click();
      }
    }
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", reveal);
  reveal();
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((details) => { details.open = true; });
  });
})();
