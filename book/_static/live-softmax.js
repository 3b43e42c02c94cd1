// Chapter 4: the weights of 16 keys, from scores that are divided by the root
// of the number of channels and from scores that are not.
{
  // 16 quantiles of a normal distribution: the upper half
  const UPPER = [0.078, 0.237, 0.402, 0.579, 0.776, 1.01, 1.318, 1.863];
  const SPREAD = [...UPPER.map((z) => -z).reverse(), ...UPPER];
  const WEIGHT = "#0072b2", SLOPE = "#d55e00";

  const softmax = (scores) => {
    const powers = scores.map((s) => Math.exp(s - Math.max(...scores)));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  };
  const text = (x, y, words, anchor = "start") => `<text x="${x}" y="${y}"
    font-size="12" text-anchor="${anchor}" fill="currentColor">${words}</text>`;
  const bar = (x, height, width, fill) => `<rect x="${x}" y="${130 - height}"
    width="${width}" height="${height}" fill="${fill}"/>`;

  liveFigure("softmax", {
    title: "The weights of 16 keys, and the slope of each",
    controls: [
      {
        name: "channels", label: "Channels d", value: "32",
        options: ["1", "4", "16", "32", "64", "256"],
      },
      {
        name: "factor", label: "Factor on layers", value: "1",
        options: ["0.5", "1", "2", "4"],
      },
    ],
    // The factor is in the query and in the key.
    compute({channels, factor}) {
      const panel = (scale) => {
        const weights = softmax(SPREAD.map((z) => scale * factor ** 2 * z));
        const slopes = weights.map((w) => w * (1 - w));
        return {weights, slopes, largest: Math.max(...weights)};
      };
      return {
        channels, factor, undivided: panel(Math.sqrt(channels)),
        divided: panel(1),
      };
    },
    say: ({channels, factor, undivided, divided}) =>
      `With ${channels} channels and layers × ${factor}, the largest weight ` +
      `is ${undivided.largest.toFixed(3)} with a slope of ` +
      `${undivided.slopes[15].toFixed(3)} if the scores are not divided, and ` +
      `${divided.largest.toFixed(3)} with a slope of ` +
      `${divided.slopes[15].toFixed(3)} if they are.`,
    draw({undivided, divided}) {
      let parts = "";
      [undivided, divided].forEach(({weights, slopes, largest}, k) => {
        const left = 1 + 181 * k;
        parts += text(left + 83, 12, ["not divided", "divided by √d"][k],
          "middle") +
          text(left + 83, 27, `largest ${largest.toFixed(3)}`, "middle") +
          text(left + 4, 46, "1") + `<path d="M${left + 6} 35h-6v95.5h166"
            fill="none" stroke="currentColor"/>`;
        weights.forEach((w, i) => {
          const x = left + 4 + 10 * i;
          parts += bar(x, 95 * w, 5, WEIGHT) +
            bar(x + 5, 95 * slopes[i], 3, SLOPE);
        });
      });
      [[0, WEIGHT, "weight w"], [84, SLOPE, "slope w (1 − w)"]].forEach(
        ([x, fill, words]) => parts += `<rect x="${x}" y="140" width="9"
          height="9" fill="${fill}"/>` + text(x + 13, 149, words));
      parts += text(348, 149, "keys by score →", "end");
      return {width: 348, height: 156, parts};
    },
  });
}
