// Chapter 10: a disc of two classes from logits at a quarter of the size, by
// three ways to labels.
{
  const SIDE = 48, COARSE = 12;
  const COLOURS = ["#d9dde1", "#cc79a7", "#d55e00", "#009e73"];
  const KINDS = ["background", "false alarm", "missed", "found"];
  const WAYS = ["resize, argmax", "argmax, copy", "corners aligned"];
  const percent = (share) => `${(100 * share).toFixed(1)} %`;

  const table = (side, value) => Array.from({length: side}, (_, y) =>
    Array.from({length: side}, (_, x) => value(y, x)));

  const resize = (x, aligned) => {
    const places = Array.from({length: SIDE}, (_, i) => {
      const at = aligned ? i * (COARSE - 1) / (SIDE - 1)
        : Math.max((i + 0.5) * COARSE / SIDE - 0.5, 0);
      const low = Math.floor(at);
      return [low, Math.min(low + 1, COARSE - 1), at - low];
    });
    return table(SIDE, (row, column) => {
      const [up, down, v] = places[row];
      const [left, right, h] = places[column];
      return (1 - v) * ((1 - h) * x[up][left] + h * x[up][right]) +
        v * ((1 - h) * x[down][left] + h * x[down][right]);
    });
  };

  liveFigure("disc", {
    title: "A disc, and three ways from its logits to labels",
    controls: [
      {name: "radius", label: "Radius, pixels", min: 2, max: 12, value: 10},
      {name: "shift", label: "Towards the corner", min: 0, max: 12, value: 0},
    ],
    // kinds: 2 for a pixel of the disc, plus 1 where it is called disc
    compute({radius, shift}) {
      const away = (i, step) => (i + 0.5) * step - SIDE / 2 - shift;
      const logit = (step) => (y, x) =>
        radius - Math.sqrt(away(y, step) ** 2 + away(x, step) ** 2);
      const truth = table(SIDE, logit(1));
      const logits = table(COARSE, logit(SIDE / COARSE));
      const ways = [
        resize(logits, false),
        table(SIDE, (y, x) => logits[y >> 2][x >> 2]),
        resize(logits, true),
      ];
      return {radius, shift, panels: ways.map((way) => {
        const kinds = way.map((line, y) => line.map((logit, x) =>
          2 * (truth[y][x] > 0) + (logit > 0)));
        const count = (kind) => kinds.flat().filter((k) => k === kind).length;
        const iou = count(3) / (count(1) + count(2) + count(3));
        return {kinds: kinds.map((line) => line.join("")), iou};
      })};
    },
    say: ({radius, shift, panels}) =>
      `The disc with a radius of ${radius}, ${shift} pixels right of the ` +
      `middle and ${shift} below it, has an IoU of ${percent(panels[0].iou)} ` +
      `if the logits are resized first, ${percent(panels[1].iou)} if labels ` +
      `are copied, and ${percent(panels[2].iou)} with aligned corners.`,
    draw({panels}) {
      let parts = "";
      panels.forEach(({kinds, iou}, k) => {
        const left = 108 * k;
        [WAYS[k], `IoU ${percent(iou)}`].forEach((words, i) =>
          parts += `<text x="${left + 48}" y="${12 + 15 * i}" font-size="12"
            text-anchor="middle" fill="currentColor">${words}</text>`);
        kinds.forEach((line, y) => {
          for (const {0: run, index} of line.matchAll(/(.)\1*/g))
            parts += `<rect x="${left + 2 * index}" y="${34 + 2 * y}"
              width="${2 * run.length}" height="2"
              fill="${COLOURS[run[0]]}" shape-rendering="crispEdges"/>`;
        });
      });
      let left = 0;
      KINDS.forEach((kind, i) => {
        parts += `<rect x="${left}" y="138" width="9" height="9"
          fill="${COLOURS[i]}"/><text x="${left + 13}" y="147"
          font-size="12" fill="currentColor">${kind}</text>`;
        left += 24 + 6.8 * kind.length;
      });
      return {width: 312, height: 154, parts};
    },
  });
}
