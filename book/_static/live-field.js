// Chapter 17: how far a position sees, before and after training.
{
  const SIDE = 32, PIXELS = 256, WIDTH = 160, GAP = 16;
  const STAGES = ["stage 1", "stage 2", "stage 3", "stage 4", "logits"];
  const SCALES = {
    logarithmic: {show: (level) => level, from: "1/10,000", to: "largest"},
    linear: {show: (level) => 10 ** (4 * level - 4), from: "0", to: "largest"},
  };
  // matplotlib's magma at nine points
  const MAGMA = [
    [0, 0, 4], [29, 17, 71], [81, 18, 124], [130, 38, 129], [183, 55, 121],
    [230, 81, 98], [252, 137, 97], [254, 196, 136], [252, 253, 191],
  ];

  const bytes = (text) => Array.from(atob(text), (c) => c.charCodeAt(0));
  const picture = (values) => { // a pixel for each
    const canvas = document.createElement("canvas");
    canvas.width = SIDE;
    canvas.height = values.length / SIDE;
    const pen = canvas.getContext("2d");
    values.forEach((value, i) => {
      pen.fillStyle = shade(value, MAGMA);
      pen.fillRect(i % SIDE, Math.floor(i / SIDE), 1, 1);
    });
    return `href="${canvas.toDataURL()}" preserveAspectRatio="none"
      style="image-rendering: pixelated"`;
  };

  liveFigure("field", {
    title: "The gradient of the middle position, after and before training",
    controls: [
      {name: "stage", label: "Feature map", options: STAGES, value: "stage 3"},
      {
        name: "tenths", label: "Tenths of the gradient", min: 1, max: 9,
        value: 5,
      },
      {
        name: "scale", label: "Scale", options: Object.keys(SCALES),
        value: "logarithmic",
      },
    ],
    // values: of 32 by 32 cells, 0 (black) to 1; side: of the smallest square
    // in the middle with so many tenths of the gradient, in pixels
    compute({stage, tenths, scale}) {
      const i = STAGES.indexOf(stage);
      const panels = ["trained", "untrained"].map((model) => {
        const {maps, sides} = liveData.field[model];
        const levels = bytes(maps[i]).map((byte) => byte / 255);
        const values = levels.map(SCALES[scale].show);
        return {model, levels, values, side: sides[i][tenths - 1]};
      });
      return {stage, tenths, scale, panels};
    },
    say: ({stage, tenths, scale, panels: [after, before]}) =>
      `${10 * tenths} % of the gradient of ${stage} comes from a square with ` +
      `a side of ${after.side} pixels after training and of ${before.side} ` +
      `before it; the scale is ${scale}.`,
    draw({scale, panels}) {
      const {from, to} = SCALES[scale];
      const word = (x, y, text, anchor = "middle") => `<text x="${x}" y="${y}"
        font-size="12" text-anchor="${anchor}" fill="currentColor">${text}
        </text>`;
      let parts = "";
      panels.forEach(({model, values, side}, k) => {
        const left = k * (WIDTH + GAP), unit = WIDTH / PIXELS;
        const edge = (PIXELS - side + 1) / 2 * unit - 1; // outside of it
        parts += word(left + WIDTH / 2, 12, model) + `<image x="${left}" y="18"
          width="${WIDTH}" height="${WIDTH}" ${picture(values)}/>`;
        for (const [colour, width] of [["black", 2.5], ["#56b4e9", 1.2]])
          parts += `<rect x="${left + edge}" y="${18 + edge}" fill="none"
            width="${side * unit + 2}" height="${side * unit + 2}"
            stroke="${colour}" stroke-width="${width}"/>`;
      });
      const full = 2 * WIDTH + GAP;
      const steps = Array.from({length: SIDE}, (_, i) => i / (SIDE - 1));
      parts += `<image y="188" width="${full}" height="8" ${picture(steps)}/>`;
      parts += word(0, 209, from, "start") + word(full, 209, to, "end") +
        word(full / 2, 209, `gradient, ${scale}`);
      return {width: full, height: 214, parts};
    },
  });
}
