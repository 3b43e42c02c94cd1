// Chapter 5: the multiply-adds of one attention layer as the picture grows.
{
  const SIDES = [256, 512, 1024, 2048, 4096];
  const WIDTHS = {"B0": [32, 64, 160, 256], "B1 to B5": [64, 128, 320, 512]};
  const RATIOS = [8, 4, 2, 1];
  const LOW = 7, HIGH = 14.5; // powers of ten on the vertical axis
  const X = SIDES.map((_, i) => 46 + 68 * i);
  const Y = (macs) => 8 + 184 * (HIGH - Math.log10(macs)) / (HIGH - LOW);

  // Queries, keys and values, projection, convolution, scores and means.
  const macs = (side, stage, width, ratio) => {
    const n = (side / 2 ** (stage + 1)) ** 2;
    const m = n / ratio ** 2;
    const merging = ratio > 1 ? n * width ** 2 : 0;
    return 2 * (n + m) * width ** 2 + merging + 2 * n * m * width;
  };

  liveFigure("scaling", {
    title: "Multiply-adds of one attention layer",
    controls: [
      {name: "stage", label: "Stage", min: 1, max: 4, value: 1},
      {
        name: "model", label: "Model", options: Object.keys(WIDTHS),
        value: "B0",
      },
      {
        name: "from", label: "Side, start of the dashed line",
        options: SIDES.slice(0, -1).map(String), value: "256",
      },
    ],
    compute({stage, model, from}) {
      const width = WIDTHS[model][stage - 1], ratio = RATIOS[stage - 1];
      const costs = (r) => SIDES.map((side) => macs(side, stage, width, r));
      const reduced = costs(ratio), full = costs(1);
      const start = SIDES.indexOf(Number(from));
      const linear = SIDES.slice(start).map((side) =>
        reduced[start] * (side / SIDES[start]) ** 2);
      return {ratio, start, reduced, full, linear};
    },
    say({ratio, start, reduced, full}) {
      const side = SIDES[start];
      const times = (a, b) => (b / a).toFixed(1);
      const growth = (costs) => times(costs[start], costs[start + 1]);
      const head = `Doubling a side of ${side} pixels multiplies the work of ` +
        `this layer by ${growth(reduced)} with ratio ${ratio}`;
      return head + (ratio === 1 ? ", where linear growth is 4." :
        ` and by ${growth(full)} with ratio 1, where linear growth is 4; at ` +
        `${side} pixels, ratio ${ratio} makes it ` +
        `${times(reduced[start], full[start])} times cheaper.`);
    },
    draw({ratio, start, reduced, full, linear}) {
      let parts = "";
      const text = (x, y, words, anchor = "start") =>
        `<text x="${x}" y="${y}" font-size="12" fill="currentColor"
        text-anchor="${anchor}">${words}</text>`;
      const line = (points, style) => `<polyline fill="none" stroke-width="2"
        points="${points}" ${style}/>`;
      for (let power = 8; power < HIGH; power += 2) {
        const y = Y(10 ** power);
        parts += `<path d="M40 ${y}H326" stroke="currentColor"
          stroke-opacity="0.2"/>` + text(36, y + 4,
          `10<tspan dy="-4" font-size="9">${power}</tspan>`, "end");
      }
      SIDES.forEach((side, i) => parts += text(X[i], 208, side, "middle"));
      parts += text(182, 226, "side of the picture in pixels", "middle") +
        text(4, 10, "multiply-adds");

      const lines = [
        ["ratio 1", full, 0, "#0072b2", ""],
        [`ratio ${ratio}`, reduced, 0, "#d55e00", ""],
        ["linear", linear, start, "currentColor", "6 4"],
      ].slice(Number(ratio === 1)); // stage 4 reduces nothing
      lines.forEach(([name, costs, first, colour, dash], i) => {
        const y = 32 + 14 * i;
        const style = `stroke="${colour}" stroke-dasharray="${dash}"`;
        const points = costs.map((macs, k) => [X[first + k], Y(macs)]);
        parts += line(points, style) + line([52, y, 76, y], style) +
          text(82, y + 4, name);
        if (!dash) for (const [x, y] of points) parts += `<circle cx="${x}"
          cy="${y}" r="4" fill="${colour}"/>`;
      });
      return {width: 340, height: 232, parts};
    },
  });
}
