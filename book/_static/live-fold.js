// Chapter 9: the decoder up to the norm, in the four lines of the fold.
{
  const LINES = [
    "V Concat(U_i(W_i F_i + b_i))", "Σ V_i U_i(W_i F_i + b_i)",
    "Σ U_i(V_i(W_i F_i + b_i))", "Σ U_i((V_i W_i) F_i) + Σ V_i b_i",
  ];
  const MODELS = {
    B0: [256, [32, 64, 160, 256]], B2: [768, [64, 128, 320, 512]],
  };
  const COLOURS = ["#0072b2", "#d55e00", "#009e73"]; // W, V, and V W

  // The matrices of a line, and the vectors that each multiplies: side² tokens,
  // or the columns of W_i and b_i.
  const matrices = (line, dim, dims, picture) => {
    const rows = [];
    const add = (kind, name, channels, side, vectors = side ** 2) => {
      const macs = dim * channels * vectors;
      rows.push({kind, name, channels, side, vectors, macs});
    };
    dims.forEach((c, i) => line < 4
      ? add(0, `W_${i + 1}`, c, picture / 4 / 2 ** i)
      : add(2, `V_${i + 1}W_${i + 1}`, c, picture / 4 / 2 ** i));
    if (line === 1) add(1, "V", 4 * dim, picture / 4);
    else dims.forEach((c, i) => add(1, `V_${i + 1}`, dim,
      ...[[picture / 4], [picture / 4 / 2 ** i], [0, c + 1]][line - 2]));
    const work = [0, 0, 0];
    for (const {kind, macs} of rows) work[kind] += macs;
    return {rows, work, total: work[0] + work[1] + work[2]};
  };
  const few = (macs) => (macs / 1e9).toPrecision(3);

  const text = (x, y, words, more = "") => `<text x="${x}" y="${y}"
    font-size="12" fill="currentColor" ${more}>` + words.replace(/_(.)/g,
    '<tspan dy="3" font-size="9">$1</tspan><tspan dy="-3">\u200b</tspan>') +
    "</text>";
  const bar = (x, y, width, kind, opacity) => `<rect x="${x}" y="${y - 10}"
    width="${width}" height="11" fill="${COLOURS[kind]}"
    opacity="${opacity}"/>`;

  liveFigure("fold", {
    title: "The decoder in four lines of algebra, and their work",
    controls: [
      {name: "line", label: "Line of the formula", min: 1, max: 4, value: 1},
      {
        name: "picture", label: "Side of the picture", value: "512",
        options: ["32", "64", "128", "256", "512", "1024"],
      },
      {name: "model", label: "Model", value: "B0", options: ["B0", "B2"]},
    ],
    compute({line, picture, model}) {
      const [dim, dims] = MODELS[model];
      const lines = [1, 2, 3, 4].map((n) => matrices(n, dim, dims, picture));
      return {line, dim, lines};
    },
    say({line, lines}) {
      const {rows, work, total} = lines[line - 1];
      return `Line ${line} needs ${few(total)} billion multiply-adds` + [
        ", because fuse meets all four stages at the full size.",
        ": nothing is concatenated, but four slices do the same work.",
        `, ${few(rows[4].macs)} of them for the slice of stage 1, which has ` +
        "no upsampling to go before.",
        `, ${(100 * total / lines[0].total).toFixed(1)} % of line 1: ` +
        `${few(work[2])} for the picture, and ${few(work[1])} to form the ` +
        "products.",
      ][line - 1];
    },
    draw({line, dim, lines}) {
      const scale = 120 / Math.max(...lines.map(({total}) => total));
      let parts = text(180, 11, "billion multiply-adds");
      lines.forEach(({work, total}, i) => {
        const y = 30 + 18 * i, on = i === line - 1;
        let x = 180;
        work.forEach((macs, kind) => {
          parts += bar(x, y, scale * macs, kind, on ? 1 : 0.5);
          x += scale * macs;
        });
        parts += text(0, y, LINES[i], on ? 'font-weight="bold"' : "") +
          text(x + 4, y, few(total));
      });
      parts += text(0, 118, "matrix") + text(50, 118, "channels") +
        text(126, 118, "vectors");
      lines[line - 1].rows.forEach((row, i) => {
        const {kind, name, channels, side, vectors, macs} = row;
        const y = 137 + 17 * i, width = scale * macs;
        parts += text(0, y, name) + text(50, y, `${channels} → ${dim}`) +
          text(126, y, side ? `${side}²` : `${vectors}`) +
          bar(180, y, width, kind, 1) + text(184 + width, y, few(macs));
      });
      return {width: 348, height: 262, parts};
    },
  });
}
