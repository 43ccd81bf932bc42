"use strict";
// The page's state is small: which image, which picture on the right, where the slider stands, which
// outlines are on, and one zoom shared by all panels. Every change redraws what depends on it.
const images = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const MOST_ZOOM = 40;
const state = { place: 0, right: 1, split: 50, zoom: 1, x: 0, y: 0, hidden: false, on: new Set() };
let order = images.map((_, index) => index);

function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

function current() { return images[order[state.place]]; }

// --- the list of images -------------------------------------------------------------------------

const ORDERS = {
  "confidence, lowest first": (a, b) => (a.confidence ?? 2) - (b.confidence ?? 2),
  "confidence, highest first": (a, b) => (b.confidence ?? -1) - (a.confidence ?? -1),
  "name": (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
};

function sortImages(how) {
  const shown = order[state.place];
  order = images.map((_, index) => index).sort((a, b) => ORDERS[how](images[a], images[b]) || a - b);
  state.place = Math.max(0, order.indexOf(shown));
  drawList();
}

function drawList() {
  byId("images").replaceChildren(...order.map((index, place) => {
    const image = images[index];
    const share = image.confidence === null ? "" : `${(100 * image.confidence).toFixed(1)}\u00a0%`;
    const button = element("button", { type: "button", onclick: () => goTo(place) },
      element("span", { textContent: image.name }), element("span", { textContent: share }));
    return element("li", {}, button);
  }));
  markList();
}

function markList() {
  [...byId("images").querySelectorAll("button")].forEach((button, place) => {
    button.setAttribute("aria-current", String(place === state.place));
  });
}

function goTo(place) {
  state.place = Math.min(order.length - 1, Math.max(0, place));
  Object.assign(state, { zoom: 1, x: 0, y: 0 });
  markList();
  byId("images").children[state.place].scrollIntoView({ block: "nearest" });
  drawImage();
}

// --- one image ----------------------------------------------------------------------------------

function layerOf(image, source) {
  const view = element("div", { className: "view" });
  view.append(element("img", { src: source, alt: "", draggable: false }));
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `-0.5 -0.5 ${image.width} ${image.height}`);
  drawing.setAttribute("preserveAspectRatio", "none");
  image.outlines.forEach((each) => {
    const group = document.createElementNS(SVG, "g");
    group.dataset.name = each.name;
    each.paths.forEach((path) => {
      for (const [color, width] of [[path.halo, 3], [path.color, 1.5]]) {
        const line = document.createElementNS(SVG, "path");
        line.setAttribute("d", path.d);
        line.setAttribute("fill", "none");
        line.setAttribute("stroke", color);
        line.setAttribute("stroke-width", width);
        line.setAttribute("vector-effect", "non-scaling-stroke");
        if (path.dashed) line.setAttribute("stroke-dasharray", "5 4");
        group.append(line);
      }
    });
    drawing.append(group);
  });
  view.append(drawing);
  return view;
}

function drawImage() {
  const image = current();
  state.right = Math.min(state.right, image.pictures.length - 1);
  byId("name").textContent = image.name;
  drawStage(image);
  drawChoices(image);
  byId("panels").replaceChildren(...image.pictures.map((picture, index) => {
    const panel = element("div", { className: "panel" }, layerOf(image, picture.source));
    panel.style.aspectRatio = `${image.width} / ${image.height}`;
    listenTo(panel);
    const choose = element("button", { type: "button", textContent: picture.name, onclick: () => choosePicture(index) });
    choose.dataset.picture = index;
    return element("figure", {}, panel, element("figcaption", {}, choose, ` ${picture.note}`));
  }));
  byId("outlines").replaceChildren(element("legend", { textContent: "Outlines" }), ...image.outlines.map((each) => {
    const box = element("input", { type: "checkbox", checked: state.on.has(each.name) });
    box.onchange = () => { box.checked ? state.on.add(each.name) : state.on.delete(each.name); state.hidden = false; showOutlines(); };
    return element("label", {}, box, ` ${each.name}`);
  }));
  byId("numbers").replaceChildren(...image.numbers.map(([label, value]) =>
    element("tr", {}, element("td", { textContent: label }), element("td", { textContent: value }))));
  choosePicture(state.right);
  showOutlines();
  place();
}

function drawStage(image) {
  const stage = byId("stage");
  stage.style.aspectRatio = `${image.width} / ${image.height}`;
  stage.style.maxWidth = `calc(78vh * ${image.width / image.height})`;
  const cut = element("div", { className: "cut", id: "cut" });
  stage.replaceChildren(layerOf(image, image.pictures[0].source), cut,
    element("div", { className: "divider", id: "divider" }),
    element("span", { className: "tag left", textContent: image.pictures[0].name }),
    element("span", { className: "tag right", id: "right-name" }));
}

function drawChoices(image) {
  byId("choices").replaceChildren(...image.pictures.slice(1).map((picture, index) => {
    const button = element("button", { type: "button", textContent: picture.name, onclick: () => choosePicture(index + 1) });
    button.dataset.picture = index + 1;
    return button;
  }));
}

function choosePicture(index) {
  const image = current();
  if (!image.pictures[index]) return;
  state.right = index;
  byId("cut").replaceChildren(layerOf(image, image.pictures[index].source));
  byId("right-name").textContent = image.pictures[index].name;
  document.querySelectorAll("button[data-picture]").forEach((button) => {
    button.setAttribute("aria-pressed", String(Number(button.dataset.picture) === index));
  });
  showOutlines();
  place();
  moveSlider(state.split);
}

function showOutlines() {
  document.querySelectorAll("g[data-name]").forEach((group) => {
    group.style.display = !state.hidden && state.on.has(group.dataset.name) ? "" : "none";
  });
}

function moveSlider(percent) {
  state.split = Math.min(100, Math.max(0, percent));
  byId("slider").value = state.split;
  byId("cut").style.clipPath = `inset(0 0 0 ${state.split}%)`;
  byId("divider").style.left = `calc(${state.split}% - 1px)`;
}

// --- zoom and position, shared by all panels ----------------------------------------------------

function place() {
  // x and y are fractions of a panel by which the picture is moved; it never leaves the panel.
  const least = 1 - state.zoom;
  state.x = Math.min(0, Math.max(least, state.x));
  state.y = Math.min(0, Math.max(least, state.y));
  const stage = byId("stage");
  const near = state.zoom * stage.clientWidth > 2 * current().width;
  document.body.classList.toggle("near", near);
  document.querySelectorAll(".view").forEach((view) => {
    view.style.transform = `translate(${100 * state.x}%, ${100 * state.y}%) scale(${state.zoom})`;
  });
}

function zoomAt(factor, fx, fy) {
  const zoom = Math.min(MOST_ZOOM, Math.max(1, state.zoom * factor));
  state.x = fx - (fx - state.x) * (zoom / state.zoom);
  state.y = fy - (fy - state.y) * (zoom / state.zoom);
  state.zoom = zoom;
  place();
}

function listenTo(panel) {
  const pointers = new Map();
  const fraction = (event) => {
    const box = panel.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  panel.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY / 400), ...fraction(event));
  }, { passive: false });
  panel.addEventListener("pointerdown", (event) => {
    panel.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, fraction(event));
  });
  panel.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = [...pointers.values()];
    const old = pointers.get(event.pointerId);
    const now = fraction(event);
    pointers.set(event.pointerId, now);
    if (pointers.size === 2) {
      const after = [...pointers.values()];
      const apart = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1e-6;
      zoomAt(apart(after) / apart(before), (after[0][0] + after[1][0]) / 2, (after[0][1] + after[1][1]) / 2);
    } else {
      state.x += now[0] - old[0];
      state.y += now[1] - old[1];
      place();
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    panel.addEventListener(name, (event) => pointers.delete(event.pointerId));
  }
}

// --- keys and the start -------------------------------------------------------------------------

const KEYS = {
  ArrowLeft: () => moveSlider(state.split - 5),
  ArrowRight: () => moveSlider(state.split + 5),
  ArrowUp: () => goTo(state.place - 1),
  ArrowDown: () => goTo(state.place + 1),
  "+": () => zoomAt(1.5, 0.5, 0.5),
  "=": () => zoomAt(1.5, 0.5, 0.5),
  "-": () => zoomAt(1 / 1.5, 0.5, 0.5),
  "0": () => zoomAt(0, 0.5, 0.5),
  c: () => { state.hidden = !state.hidden; showOutlines(); },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const act = KEYS[event.key] ?? (/^[1-9]$/.test(event.key) ? () => choosePicture(Number(event.key)) : null);
  if (!act) return;
  event.preventDefault();
  act();
});
byId("slider").addEventListener("input", (event) => moveSlider(Number(event.target.value)));
byId("in").addEventListener("click", () => zoomAt(1.5, 0.5, 0.5));
byId("out").addEventListener("click", () => zoomAt(1 / 1.5, 0.5, 0.5));
byId("whole").addEventListener("click", () => zoomAt(0, 0.5, 0.5));
byId("order").append(...Object.keys(ORDERS).map((name) => element("option", { textContent: name, value: name })));
byId("order").addEventListener("change", (event) => sortImages(event.target.value));
window.addEventListener("resize", place);
listenTo(byId("stage"));
images.forEach((image) => image.outlines.forEach((each) => { if (each.on) state.on.add(each.name); }));
sortImages(Object.keys(ORDERS)[0]);
goTo(0);
