// Chapter 17: where the token of a square looks, in one head.
{
  const ROWS = 8, COLUMNS = 12, KEYS = 96, KEY = 32;
  const WIDTH = KEY * COLUMNS, HEIGHT = KEY * ROWS;
  const MARK = "M-19 0h10m18 0h10M0-19v10m0 18v10"; // a cross, open in the middle
  const {picture, heads} = liveData.attention;
  const all = Array.from({length: KEYS}, (_, i) => i);
  const rowOf = (i) => Math.floor(i / COLUMNS), columnOf = (i) => i % COLUMNS;
  const percent = (weight) => `${(100 * weight).toFixed(0)} %`;

  liveFigure("attention", {
    title: "A street, bright where the marked square looks",
    controls: [
      {
        name: "head", label: "Head", options: heads.map(({name}) => name),
        value: heads[0].name,
      },
      {name: "row", label: "Row of the mark", min: 1, max: ROWS, value: 5},
      {
        name: "column", label: "Column of the mark", min: 1, max: COLUMNS,
        value: 2,
      },
    ],
    // weights: of the 96 keys, row by row; half: the fewest keys that hold
    // half of the weight; first: the key with the most
    compute({head, row, column}) {
      const {scales, codes} = heads.find(({name}) => name === head);
      // signed: for each scale 96 numbers of queries, then 96 of keys
      const signed = Int8Array.from(atob(codes), (c) => c.charCodeAt(0));
      const query = COLUMNS * (row - 1) + column - 1;
      const powers = all.map((key) => Math.exp(scales.reduce(
        (sum, scale, i) => sum + scale * signed[2 * KEYS * i + query] *
          signed[2 * KEYS * i + KEYS + key], 0)));
      const sum = powers.reduce((a, b) => a + b);
      const weights = powers.map((power) => power / sum);
      const falling = [...weights].sort((a, b) => b - a);
      let half = 0;
      for (let held = 0; held < 0.5; half++) held += falling[half];
      const first = weights.indexOf(falling[0]);
      return {head, row, column, weights, half, first};
    },
    say: ({head, row, column, weights, half, first}) =>
      `From row ${row} and column ${column}, ${head} puts half of its weight ` +
      `on ${half} of the 96 keys; the outlined one, in row ` +
      `${1 + rowOf(first)} and column ${1 + columnOf(first)}, gets the most, ` +
      `${percent(weights[first])}.`,
    draw({row, column, weights, first}) {
      const most = weights[first];
      let parts = `<image href="data:image/webp;base64,${picture}"
        width="${WIDTH}" height="${HEIGHT}"/>`;
      // Between a quarter of the picture's light and a light veil on it.
      weights.forEach((weight, key) => {
        const light = weight / most, opacity = 0.75 - 0.45 * light;
        const grey = Array(3).fill(255 * 0.3 * light / opacity);
        parts += `<rect x="${KEY * columnOf(key)}" y="${KEY * rowOf(key)}"
          width="${KEY}" height="${KEY}" shape-rendering="crispEdges"
          fill="rgb(${grey})" fill-opacity="${opacity}"/>`;
      });
      for (const [colour, width] of [["black", 4], ["#56b4e9", 2]])
        parts += `<rect x="${KEY * columnOf(first)}" fill="none" width="${KEY}"
          y="${KEY * rowOf(first)}" height="${KEY}" stroke="${colour}"
          stroke-width="${width}"/>`;
      for (const [colour, width] of [["white", 5], ["#f0f", 2.5]])
        parts += `<path d="${MARK}" stroke="${colour}" stroke-width="${width}"
          transform="translate(${KEY * (column - 0.5)} ${KEY * (row - 0.5)})"
          />`;
      for (let i = 0; i < 8; i++)
        parts += `<rect x="${90 + 12 * i}" y="263" width="12" height="10"
          fill="rgb(${Array(3).fill(64 + 191 * i / 7)})"/>`;
      parts += `<rect x="90" y="263" width="96" height="10" fill="none"
        stroke="currentColor"/>`;
      const word = (x, text, anchor) => `<text x="${x}" y="273" font-size="13"
        text-anchor="${anchor}" fill="currentColor">${text}</text>`;
      parts += word(82, "weight 0", "end") + word(194, percent(most), "start");
      return {width: WIDTH, height: 280, parts};
    },
  });
  liveCursor("attention", COLUMNS);
}
