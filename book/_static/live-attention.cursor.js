// A mark on a grid of squares that fills the picture's width: the controls
// `row` and `column` also follow the pointer and, on the picture, arrow keys.
window.liveCursor = (name, columns) => {
  const box = document.getElementById(`live-figure-${name}`);
  if (!box) return;
  const [x, y] = ["column", "row"].map((one) =>
    document.getElementById(`${box.id}-${one}`));
  const move = (column, row) => {
    Object.assign(x, {value: column}); // a range keeps within its ends
    Object.assign(y, {value: row});
    y.dispatchEvent(new Event("input", {bubbles: true}));
  };

  const drawing = box.querySelector("svg").parentElement;
  drawing.className = "live-cursor";
  drawing.tabIndex = 0;
  drawing.setAttribute("role", "group");
  drawing.setAttribute("aria-label", "The mark: arrow keys move it");

  const point = ({clientX, clientY}) => {
    const {left, top, width} = drawing.firstChild.getBoundingClientRect();
    const at = (distance) => 1 + Math.floor(columns * distance / width);
    move(at(clientX - left), at(clientY - top));
  };
  drawing.addEventListener("click", point);
  drawing.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && event.buttons === 1) point(event);
  });

  const STEPS = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  };
  drawing.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault(); // the page stays where it is
    move(x.valueAsNumber + step[0], y.valueAsNumber + step[1]);
  });
};
