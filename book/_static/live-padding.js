// Chapter 6: a picture of ones after 3 x 3 convolutions of ones, and how many
// of its positions have not met a zero of the padding.
liveFigure("padding", {
  title: "A picture of ones after 3 by 3 convolutions",
  controls: [
    {name: "depth", label: "Layers, last panel", min: 0, max: 10, value: 8},
    {
      name: "mode", label: "Padding mode", value: "zeros",
      options: ["zeros", "reflect", "circular"],
    },
  ],
  compute({depth, mode}) {
    const side = 16;
    const inside = {
      zeros: (i) => i,
      reflect: (i) => side - 1 - Math.abs(side - 1 - Math.abs(i)),
      circular: (i) => (i + side) % side,
    }[mode];
    const layer = (x) => x.map((line, row) => line.map((_, column) => {
      let sum = 0;
      for (let i = -1; i <= 1; i++)
        for (let j = -1; j <= 1; j++)
          sum += x[inside(row + i)]?.[inside(column + j)] ?? 0;
      return sum;
    }));
    const panels = [1, 2, 4, 7, depth].map((layers) => {
      let x = Array.from({length: side}, () => Array(side).fill(1));
      for (let i = 0; i < layers; i++) x = layer(x);
      const values = x.map((line) => line.map((n) => n / 9 ** layers));
      const untouched = values.flat().filter((n) => n === 1).length;
      return {layers, values, untouched};
    });
    return {mode, panels};
  },
  say({mode, panels}) {
    const {layers, untouched} = panels.at(-1);
    const after = layers === 1 ? "After 1 layer" : `After ${layers} layers`;
    if (mode !== "zeros")
      return `${after} with ${mode} padding, all 256 positions still hold ` +
        "the same number, so none of them can know where it is.";
    if (!untouched)
      return `${after} with zeros, every one of the 256 positions has met a ` +
        "zero.";
    return `${after} with zeros, ${untouched} of the 256 positions have not ` +
      "met a zero, so they cannot know where they are.";
  },
  draw({panels}) {
    let parts = "";
    panels.forEach(({layers, values, untouched}, k) => {
      const left = 70 * k + 2;
      parts += `<text x="${left + 32}" y="12" font-size="12"
        text-anchor="middle" fill="currentColor">depth ${layers}</text>`;
      values.forEach((line, y) => line.forEach((n, x) => {
        parts += `<rect x="${left + 4 * x}" y="${20 + 4 * y}" width="4"
          height="4" fill="${viridis(n)}" shape-rendering="crispEdges"/>`;
      }));
      const width = 4 * Math.sqrt(untouched);
      const gap = 32 - width / 2;
      if (width) parts += `<rect x="${left + gap}" y="${20 + gap}"
        width="${width}" height="${width}" fill="none" stroke="black"/>`;
    });
    return {width: 348, height: 86, parts};
  },
});
