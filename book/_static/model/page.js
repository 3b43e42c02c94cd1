"use strict";
// The page around the model: pictures in, labels, probabilities and attention
// out. The worker computes; here is only what is seen and touched.
{
  const root = document.querySelector("#try-model");
  const here = document.currentScript.src;
  const SCALE = 2; // pixels of the canvas for one of the picture
  const MOST = { bytes: 40e6, pixels: 60e6, stretch: 4 };
  const PAINTS = { // colour, and how much it varies from dot to dot
    grass: [[92, 122, 58], 16], road: [[118, 116, 116], 8],
    sky: [[158, 190, 226], 3],
  };
  const RADIUS = 12; // of the brush, in pixels of a picture 256 pixels high
  const HEAT = [255, 170, 0];
  const STAGES = [[240, 150, 46], [224, 96, 94], [192, 57, 159], [106, 63, 201]];
  const small = matchMedia("(max-width: 480px)").matches;

  root.innerHTML = `
    <div class="gallery" role="group" aria-label="Scenes"></div>
    <p class="row"><label>Your own picture
      <input type="file" accept="image/*"></label><label>Height in the model <select name="height">
      <option value="256">256 pixels</option>
      <option value="128">128 pixels</option></select></label></p>
    <div class="bench">
      <div class="view">
        <canvas tabindex="0" role="application"
          aria-label="The picture. Arrow keys move the position, Enter paints.">
        </canvas>
        <fieldset><legend>Show</legend>
          <label><input type="radio" name="show" value="labels" checked>labels</label>
          <label><input type="radio" name="show" value="attention">attention</label>
          <label class="labels">opacity <input type="range" name="opacity"
            min="0" max="100" value="55"></label>
          <label class="attention">stage <select name="stage"></select></label>
          <label class="attention">head <select name="head"></select></label>
        </fieldset>
        <fieldset><legend>Pointer</legend>
          <label><input type="radio" name="tool" value="" checked>looks</label>
          ${Object.keys(PAINTS).map((name) => `<label><input type="radio"
            name="tool" value="${name}">paints ${name}</label>`).join("")}
          <button type="button" name="undo" disabled>Undo the painting</button>
        </fieldset>
      </div>
      <div class="reading">
        <p class="title">Class probabilities</p><ul class="bars classes"></ul>
        <p class="title gains">What each stage adds</p><ul class="bars lens"></ul>
      </div>
    </div>
    <output aria-live="polite">Loading the model (2.5 MB) …</output>`;

  const find = (selector) => root.querySelector(selector);
  const field = (name) => find(`[name="${name}"]`);
  const chosen = (name) => find(`[name="${name}"]:checked`).value;
  const canvas = find("canvas");
  const pen = canvas.getContext("2d");
  const say = (words) => (find("output").textContent = words);
  const percent = (x) => `${(100 * x).toFixed(x > 0 && x < 0.1 ? 1 : 0)}\u00a0%`;
  const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(1);

  let model, worker, source; // source: what the picture is drawn from
  let picture = null; // a canvas in the model's size, painting included
  let overlay = null; // the labels in their colours
  let labels = null;
  let serial = 0; // of the picture
  let at = null; // the pixel that is looked at
  let reading = null; // what the worker said about it
  const asked = {}; // picture, pixel: true while the worker computes
  const next = {}; // the newest wish that came meanwhile

  // Only the newest wish of a kind waits: the worker is never behind by two.
  function ask(kind, make) {
    if (!worker) return;
    if (asked[kind]) {
      next[kind] = make;
      return;
    }
    asked[kind] = true;
    worker.postMessage({ [kind]: make() });
  }

  function answered(kind) {
    asked[kind] = false;
    const make = next[kind];
    delete next[kind];
    if (make) ask(kind, make);
  }

  function layer(height, width) {
    const made = document.createElement("canvas");
    made.width = width;
    made.height = height;
    return made;
  }

  function load(image, width, height) {
    source = { image, width, height };
    const h = Number(field("height").value);
    const w = Math.round((h * width) / height);
    picture = layer(h, w);
    const brush = picture.getContext("2d", { willReadFrequently: true });
    brush.imageSmoothingQuality = "high";
    brush.drawImage(image, 0, 0, w, h);
    labels = overlay = reading = null;
    delete next.pixel;
    serial += 1;
    field("undo").disabled = true;
    canvas.width = SCALE * w;
    canvas.height = SCALE * h;
    at = { y: Math.round(0.7 * h), x: Math.round(w / 2) };
    draw();
    compute();
  }

  function compute() {
    say("Computing …");
    ask("picture", () => {
      const { width, height } = picture;
      const { data } = picture.getContext("2d")
        .getImageData(0, 0, width, height);
      return { rgba: data, width, height, serial };
    });
  }

  function look() {
    if (labels)
      ask("pixel", () => {
        const head = field("head").value;
        return { ...at, stage: Number(field("stage").value),
          head: head === "" ? null : Number(head) };
      });
    draw();
  }

  function heard({ data }) {
    if (data.labels) {
      answered("picture");
      if (data.serial !== serial) return; // of the picture before
      ({ labels } = data);
      colour();
      root.dataset.ms = Math.round(data.ms);
      say(`Labels for ${data.width} x ${data.height} pixels, computed on this `
        + `device in ${(data.ms / 1000).toFixed(2)} s.`);
      look();
    } else if (data.terms) {
      answered("pixel");
      if (!labels) return; // a new picture came meanwhile
      reading = data;
      draw();
      describe();
    }
  }

  function colour() {
    overlay = layer(picture.height, picture.width);
    const pixels = new ImageData(picture.width, picture.height);
    labels.forEach((label, i) =>
      pixels.data.set([...model.palette[label], 255], 4 * i));
    overlay.getContext("2d").putImageData(pixels, 0, 0);
  }

  function draw() {
    if (!picture) return;
    const { width, height } = canvas;
    const shows = chosen("show");
    pen.globalAlpha = 1;
    pen.imageSmoothingEnabled = true;
    pen.drawImage(picture, 0, 0, width, height);
    pen.imageSmoothingEnabled = false;
    if (shows === "labels" && overlay) {
      pen.globalAlpha = field("opacity").value / 100;
      pen.drawImage(overlay, 0, 0, width, height);
    } else if (shows === "attention" && reading) heat(reading.seen);
    pen.globalAlpha = 1;
    const x = SCALE * (at.x + 0.5), y = SCALE * (at.y + 0.5);
    for (const [style, line] of [["#000", 5], ["#fff", 2]]) {
      pen.strokeStyle = style;
      pen.lineWidth = line;
      pen.beginPath();
      pen.arc(x, y, 9, 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  function heat({ h, w, cell, weights }) {
    pen.fillStyle = "rgb(0 0 0 / 55%)";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    const most = Math.max(...weights);
    const side = SCALE * cell;
    for (let i = 0; i < h; i++)
      for (let j = 0; j < w; j++) {
        const share = weights[i * w + j] / most;
        pen.fillStyle = `rgb(${HEAT} / ${80 * share}%)`.replaceAll(",", " ");
        pen.fillRect(j * side, i * side, side, side);
      }
  }

  function describe() {
    const { probabilities, label, terms, seen, byClass } = reading;
    const order = [...probabilities.keys()]
      .sort((a, b) => probabilities[b] - probabilities[a]);
    const rival = order.find((k) => k !== label);
    probabilities.forEach((p, k) =>
      bar(find(".classes").children[k], p, percent(p), k === label));
    const gains = terms.map((term) => term[label] - term[rival]);
    const most = Math.max(...gains.map(Math.abs), 1e-9);
    find(".title.gains").textContent =
      `What each stage adds: ${model.classes[label]} over ${model.classes[rival]}`;
    gains.forEach((gain, i) =>
      bar(find(".lens").children[i], gain / most, signed(gain)));
    const total = gains.reduce((sum, gain) => sum + gain, 0);
    bar(find(".lens").lastChild, 0, signed(total), true);
    const favourite = byClass.indexOf(Math.max(...byClass));
    const head = reading.head === null ? "averaged over all heads" : `head ${reading.head + 1}`;
    say(`Row ${reading.y}, column ${reading.x}: ${model.classes[label]}, `
      + `${percent(probabilities[label])}. In stage ${reading.stage + 1}, ${head}, `
      + `it looks most at ${model.classes[favourite]} (${percent(byClass[favourite])}`
      + `); its strongest key gets ${percent(Math.max(...seen.weights))}, and `
      + `equal weights would be ${percent(1 / seen.weights.length)}.`);
  }

  function bar(item, share, text, strong = false) {
    item.classList.toggle("strong", strong);
    item.style.setProperty("--share", Math.abs(share));
    item.classList.toggle("minus", share < 0);
    item.querySelector("b").textContent = text;
  }

  function bars(list, names, colours = []) {
    list.innerHTML = names.map((name, k) => `<li><i style="background:${
      colours[k] ? `rgb(${colours[k]})` : "none"}"></i><span>${name}</span>
      <em></em><b></b></li>`).join("");
  }

  // Painting: a disc of one colour with some noise, as grass and asphalt have.
  function paint() {
    const [rgb, noise] = PAINTS[chosen("tool")];
    const radius = (RADIUS * picture.height) / 256;
    const brush = picture.getContext("2d");
    for (let y = Math.ceil(at.y - radius); y <= at.y + radius; y++)
      for (let x = Math.ceil(at.x - radius); x <= at.x + radius; x++) {
        if (Math.hypot(y - at.y, x - at.x) > radius) continue;
        const shift = noise * (2 * Math.random() - 1);
        brush.fillStyle = `rgb(${rgb.map((v) => v + shift)})`;
        brush.fillRect(x, y, 1, 1);
      }
    field("undo").disabled = false;
    draw();
    compute();
  }

  function point(event) {
    if (!picture) return;
    const box = canvas.getBoundingClientRect();
    const inside = (share, size) =>
      Math.max(0, Math.min(size - 1, Math.floor(share * size)));
    at = {
      y: inside((event.clientY - box.top) / box.height, picture.height),
      x: inside((event.clientX - box.left) / box.width, picture.width),
    };
    if (chosen("tool") && event.buttons) paint();
    else look();
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    point(event);
  });
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 16 : 4;
    const moves = { ArrowUp: [-step, 0], ArrowDown: [step, 0],
      ArrowLeft: [0, -step], ArrowRight: [0, step] };
    const paints = event.key === "Enter" || event.key === " ";
    if (!picture || !(event.key in moves || paints)) return;
    event.preventDefault();
    if (paints) {
      if (chosen("tool")) paint();
      return;
    }
    const [down, along] = moves[event.key];
    at = {
      y: Math.max(0, Math.min(picture.height - 1, at.y + down)),
      x: Math.max(0, Math.min(picture.width - 1, at.x + along)),
    };
    look();
  });

  async function open(file) {
    if (!file) return;
    const refuse = (why) => say(`${file.name} ${why} The picture before stays.`);
    if (file.size > MOST.bytes)
      return refuse(`has ${Math.round(file.size / 1e6)} MB; at most `
        + `${MOST.bytes / 1e6} MB can be opened.`);
    let image;
    try {
      image = await createImageBitmap(file);
    } catch {
      return refuse("cannot be read as a picture.");
    }
    if (image.width * image.height > MOST.pixels)
      return refuse(`has ${image.width} x ${image.height} pixels; at most `
        + `${MOST.pixels / 1e6} million can be opened.`);
    if (Math.max(image.width / image.height, image.height / image.width)
        > MOST.stretch)
      return refuse(`is ${image.width} x ${image.height} pixels; its sides may `
        + `differ by a factor of ${MOST.stretch} at most.`);
    mark(null);
    load(image, image.width, image.height);
  }

  find("[type=file]").addEventListener("change", ({ target }) => {
    open(target.files[0]);
    target.value = "";
  });
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });

  function mark(button) {
    for (const each of root.querySelectorAll(".gallery button"))
      each.setAttribute("aria-pressed", each === button);
  }

  function again() {
    if (source) load(source.image, source.width, source.height);
  }

  function heads() {
    const count = model.packed.config.num_heads[field("stage").value];
    field("head").innerHTML = '<option value="">mean of all</option>'
      + Array.from({ length: count }, (_, i) =>
        `<option value="${i}">${i + 1}</option>`).join("");
  }

  function shown() {
    root.dataset.show = chosen("show");
    canvas.style.touchAction = chosen("tool") ? "none" : "pan-y";
    look();
  }

  function start() {
    model = window.SEGFORMER;
    const { config } = model.packed;
    bars(find(".classes"), model.classes, model.palette);
    bars(find(".lens"), [...config.dims.map((_, i) => `stage ${i + 1}`),
      "biases", "sum"], STAGES);
    field("stage").innerHTML = config.dims.map((_, i) =>
      `<option value="${i}">${i + 1}</option>`).join("");
    field("stage").value = config.dims.length - 1;
    heads();
    const code = new Blob([model.worker], { type: "text/javascript" });
    worker = new Worker(URL.createObjectURL(code));
    worker.onmessage = heard;
    worker.onerror = () =>
      say("This browser stopped the computation; a newer one is needed.");
    worker.postMessage({ packed: model.packed });
    for (const { alt, address } of model.scenes) {
      const button = document.createElement("button");
      button.type = "button";
      const image = new Image();
      image.src = address;
      image.alt = alt;
      button.append(image);
      button.addEventListener("click", async () => {
        await image.decode();
        mark(button);
        load(image, image.naturalWidth, image.naturalHeight);
      });
      find(".gallery").append(button);
    }
    find(".gallery button").click();
    root.worker = worker; // for tests
  }

  field("height").value = small ? "128" : "256";
  field("height").addEventListener("change", again);
  field("undo").addEventListener("click", again);
  field("opacity").addEventListener("input", draw);
  field("head").addEventListener("change", look);
  field("stage").addEventListener("change", () => {
    heads();
    look();
  });
  for (const each of root.querySelectorAll("[type=radio]"))
    each.addEventListener("change", shown);
  root.dataset.show = chosen("show");

  const script = document.createElement("script");
  script.src = new URL("data.js", here);
  script.onload = start;
  script.onerror = () => say("The model's file data.js could not be loaded.");
  document.head.append(script);
}
