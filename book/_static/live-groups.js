// Chapter 5: which tokens share a key, by the paper's equation and in the code.
{
  const ROWS = 16, CELL = 8, TOPS = [20, 172];
  const TITLES = ["strips, as in Equation 2", "squares, as in the code"];
  const COLOURS = ["#f0e442", "#0072b2", "#56b4e9", "#d55e00"];
  const KINDS = ["marked", "same key", "others", "in no key"];

  // Each token's key, in strips and in squares; -1 for none.
  const keysOf = (columns, ratio) => {
    const tokens = [...Array(ROWS * columns).keys()];
    const whole = Math.floor(columns / ratio);
    return [
      tokens.map((i) => Math.floor(i / ratio ** 2)),
      tokens.map((i) => {
        const across = Math.floor(i % columns / ratio);
        const down = Math.floor(i / columns / ratio);
        return across < whole ? whole * down + across : -1;
      }),
    ];
  };
  const count = (values, one) => {
    const n = new Set(values).size;
    return `${n} ${one}${n > 1 ? "s" : ""}`;
  };

  liveFigure("groups", {
    title: "Tokens that share a key",
    controls: [
      {
        name: "ratio", label: "Side of a square", value: "4",
        options: ["2", "4", "8"],
      },
      {name: "columns", label: "Columns", min: 16, max: 32, step: 4, value: 32},
      {name: "row", label: "Row of the token", min: 0, max: 15, value: 6},
      {name: "column", label: "Its column", min: 0, max: 31, value: 10},
    ],
    compute({ratio, columns, row, column}) {
      const marked = columns * row + Math.min(column, columns - 1);
      const [strip, square] = keysOf(columns, ratio).map((keys) =>
        [...keys.keys()].filter((i) => keys[i] >= 0 &&
          keys[i] === keys[marked]));
      const strips = ROWS * columns / ratio ** 2;
      const over = [...Array(strips).keys()].filter((k) =>
        k * ratio ** 2 % columns + ratio ** 2 > columns).length;
      const left = ROWS * (columns % ratio);
      return {ratio, columns, marked, strip, square, strips, over, left};
    },
    say({columns, marked, strip, square, strips, over, left}) {
      const row = (i) => Math.floor(i / columns), column = (i) => i % columns;
      const extent = (tokens) => `${count(tokens.map(row), "row")} and ` +
        count(tokens.map(column), "column");
      return `The token in row ${row(marked)}, column ${column(marked)} has ` +
        `its strip in ${extent(strip)} and ` + (square.length ?
          `its square in ${extent(square)}` : "no square") +
        `; ${over || "none"} of the ${strips} strips ` +
        `continue${over > 1 ? "" : "s"} in the next row` +
        (left ? `, and ${left} tokens are in no square.` : ".");
    },
    draw({ratio, columns, marked}) {
      let parts = "";
      keysOf(columns, ratio).forEach((keys, panel) => {
        let lines = "";
        parts += `<g transform="translate(4 ${TOPS[panel]})"><text y="-6"
          font-size="12" fill="currentColor">${TITLES[panel]}</text>`;
        keys.forEach((key, i) => {
          const x = CELL * (i % columns), y = CELL * Math.floor(i / columns);
          const kind = i === marked ? 0 : key < 0 ? 3 :
            key === keys[marked] ? 1 : 2;
          parts += `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}"
            fill="${COLOURS[kind]}" stroke="white" stroke-width="0.5"/>`;
          if (x && key !== keys[i - 1]) lines += `M${x} ${y}v${CELL}`;
          if (y && key !== keys[i - columns]) lines += `M${x} ${y}h${CELL}`;
        });
        parts += `<path d="${lines}" stroke="black" fill="none"/></g>`;
      });
      KINDS.forEach((kind, i) => {
        const x = [4, 66, 134, 194][i];
        parts += `<rect x="${x}" y="308" width="9" height="9"
          fill="${COLOURS[i]}"/><text x="${x + 12}" y="316" font-size="10"
          fill="currentColor">${kind}</text>`;
      });
      return {width: 264, height: 322, parts};
    },
    pick(x, y, {columns}) {
      const column = Math.floor((x - 4) / CELL);
      const row = Math.floor((y - TOPS[Number(y > TOPS[1])]) / CELL);
      const inside = row >= 0 && row < ROWS && column >= 0 && column < columns;
      return inside ? {row, column} : {};
    },
  });
}
