// A live figure: a stored picture that the reader can change. The picture stays
// where there is no JavaScript, and the first state shows what it shows.
//
// liveFigure(name, {title, controls, compute, say, draw}) takes the place of
// the picture with the class live-NAME. A control is {name, label, value} with
// min, max, perhaps step, or with options. compute(state) is pure;
// say(result) is one sentence; draw(result) is {width, height, parts}, the
// inside of an SVG. pick(x, y, result) makes controls' values of a click.
{
  // nine points of viridis
  const VIRIDIS = [
    [68, 1, 84], [71, 45, 123], [59, 82, 139], [44, 114, 142], [33, 145, 140],
    [40, 174, 128], [94, 201, 98], [173, 220, 48], [253, 231, 37],
  ];

  window.shade = (share, nine) => {
    const at = 8 * Math.min(1, Math.max(0, share));
    const i = Math.min(7, Math.floor(at));
    const mixed = nine[i].map((c, k) =>
      Math.round(c + (at - i) * (nine[i + 1][k] - c)));
    return `rgb(${mixed})`;
  };
  window.viridis = (share) => shade(share, VIRIDIS);

  const make = (tag, parent, values = {}) =>
    parent.appendChild(Object.assign(document.createElement(tag), values));

  const control = (box, figure, one) => {
    const line = make("div", box, {className: "live-control"});
    const id = `${figure}-${one.name}`;
    make("label", line, {htmlFor: id, textContent: one.label});
    if (one.options) {
      const list = make("select", line, {id});
      for (const value of one.options)
        make("option", list, {value, textContent: value});
      list.value = one.value;
      return {
        get: () => list.value, set: (value) => (list.value = value), show() {},
      };
    }
    const {min, max, value, step = 1} = one;
    const range = make("input", line, {
      type: "range", id, min, max, step, value,
    });
    const number = make("span", line, {ariaHidden: "true"});
    return {
      get: () => range.valueAsNumber,
      set: (to) => (range.value = to),
      show: () => (number.textContent = range.value),
    };
  };

  window.liveFigure = (
    name, {title, controls, compute, say, draw, pick},
  ) => {
    const pictures = document.querySelectorAll(`.live-${name}`);
    if (!pictures.length) return;
    const id = `live-figure-${name}`;
    const box = document.createElement("div");
    Object.assign(box, {id, className: "live", role: "group"});
    box.ariaLabel = title;
    pictures[0].before(box);
    for (const picture of pictures) picture.hidden = true;

    const panel = make("div", box, {className: "live-controls"});
    const inputs = controls.map((one) => control(panel, id, one));
    const back = make("button", panel, {type: "button", textContent: "Reset"});
    const drawing = make("div", box);
    const sentence = make("output", box, {ariaLive: "polite"});

    const state = () => Object.fromEntries(
      controls.map((one, i) => [one.name, inputs[i].get()]));
    const update = () => {
      inputs.forEach((input) => input.show());
      const result = compute(state());
      const {width, height, parts} = draw(result);
      drawing.innerHTML = `<svg viewBox="0 0 ${width} ${height}" role="img"
        aria-label="${title}" style="max-width: ${1.5 * width}px">
        ${parts}</svg>`;
      sentence.textContent = say(result);
    };
    panel.addEventListener("input", update);
    if (pick) drawing.addEventListener("click", (event) => {
      const svg = drawing.firstElementChild;
      const {left, top, width} = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / width;
      const at = [scale * (event.x - left), scale * (event.y - top)];
      const picked = pick(...at, compute(state()));
      controls.forEach(({name}, i) =>
        name in picked && inputs[i].set(picked[name]));
      update();
    });
    back.addEventListener("click", () => {
      inputs.forEach((input, i) => input.set(controls[i].value));
      update();
    });
    Object.assign(box, {controls, compute, say});
    update();
  };
}
