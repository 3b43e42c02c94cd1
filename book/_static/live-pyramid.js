// Chapter 8: what a stage returns, and the pixels that a token depends on.
{
  const CHANNELS = [32, 64, 160, 256]; // of B0; the others have twice as many
  const BLOCKS = {
    B0: [2, 2, 2, 2], B1: [2, 2, 2, 2], B2: [3, 4, 6, 3], B3: [3, 4, 18, 3],
    B4: [3, 8, 27, 3], B5: [3, 6, 40, 3],
  };
  const MODELS = Object.keys(BLOCKS);
  const STAGES = ["#f0962e", "#e0605e", "#c0399f", "#6a3fc9"];
  const PHOTO = new URL("photo.jpg", document.currentScript.src);

  liveFigure("pyramid", {
    title: "A token on the photo",
    controls: [
      {name: "stage", label: "Stage", min: 1, max: 4, value: 3},
      {name: "model", label: "Model", options: MODELS, value: "B0"},
      {
        name: "side", label: "Side in pixels", value: "512",
        options: ["128", "250", "512", "1024", "2048"],
      },
      {name: "down", label: "Down, in tenths", min: 0, max: 10, value: 5},
      {name: "across", label: "Across, in tenths", min: 0, max: 10, value: 5},
    ],
    // a span: the first pixel and the one behind the last
    compute({stage, model, side, down, across}) {
      const pixels = Number(side);
      let apart = 1, width = 1, tokens = pixels;
      const stages = BLOCKS[model].map((blocks, i) => {
        const [patch, stride] = i ? [3, 2] : [7, 4];
        width += (patch - 1) * apart;
        apart *= stride;
        width += 2 * apart * blocks; // a 3 x 3 convolution in each block
        tokens = Math.ceil(tokens / stride);
        const channels = CHANNELS[i] * (model === "B0" ? 1 : 2);
        const token = [down, across].map((position) =>
          Math.min(tokens - 1, Math.floor(tokens * position / 10)));
        const span = (before, behind) => token.map((n) => [
          Math.max(0, n * apart - before),
          Math.min(pixels, n * apart + behind)]);
        const reach = (width - 1) / 2;
        return {
          tokens, channels, numbers: tokens ** 2 * channels, token,
          cell: span(0, apart), field: span(reach, reach + 1),
        };
      });
      return {stage, model, pixels, stages};
    },
    say({stage, model, pixels, stages}) {
      const {tokens, channels, token, cell, field} = stages[stage - 1];
      const extent = (spans) => spans.map(([a, b]) => b - a).join(" × ");
      const all = `${pixels} × ${pixels}`;
      return `Stage ${stage} of ${model} makes ${tokens} × ${tokens} tokens ` +
        `of ${channels} channels from ${all} pixels; the one in row ` +
        `${token[0]}, column ${token[1]} covers ${extent(cell)} pixels and, ` +
        "without attention, depends on " +
        (extent(field) === all ? "all of them." : `${extent(field)}.`);
    },
    draw({stage, pixels, stages}) {
      const scale = 200 / pixels;
      const box = ([[top, bottom], [left, right]]) => `M${scale * left}
        ${scale * top}H${scale * right}V${scale * bottom}H${scale * left}z`;
      const {cell, field} = stages[stage - 1];
      let parts = `<image href="${PHOTO}" width="200" height="200"/><path
        d="M0 0H200V200H0z${box(field)}" fill-rule="evenodd"
        fill-opacity="0.5"/><path d="${box(cell)}"
        fill="${STAGES[stage - 1]}"/>`;
      stages.forEach((one, i) => {
        const y = 26 + 48 * i;
        const chosen = i + 1 === stage;
        const length = 70 * one.numbers / stages[0].numbers;
        parts += `<path d="${box(one.field)}" fill="none" stroke="white"
          stroke-width="${1 + chosen}" filter="drop-shadow(0 0 1px #000)"/><g
          font-size="12" fill="currentColor"><text x="212" y="${y}">stage ${i + 1}: ${one.tokens} ×
          ${one.tokens} × ${one.channels}</text><text x="${216 + length}"
          y="${y + 17}">${one.numbers.toLocaleString("en")}</text></g><rect
          x="212" y="${y + 6}" width="${length}" height="14"
          fill="${STAGES[i]}" stroke="currentColor"
          stroke-width="${chosen ? 2 : 0}"/>`;
      });
      return {width: 384, height: 200, parts};
    },
    pick(x, y) {
      const [across, down] = [x, y].map((n) => Math.round(n / 20));
      return across <= 10 ? {across, down} : {};
    },
  });
}
