// Chapter 3: how many windows see each pixel of a square picture.
liveFigure("windows", {
  title: "How many windows see each of 14 by 14 pixels",
  controls: [
    {name: "size", label: "Patch size", min: 1, max: 9, value: 7},
    {name: "stride", label: "Stride", min: 1, max: 8, value: 4},
    {name: "padding", label: "Padding", min: 0, max: 4, value: 3},
  ],
  // row: the windows that see each pixel of a row; a pixel of the picture is
  // seen by the product of two such numbers
  compute({size, stride, padding}) {
    const pixels = 14;
    const tokens = Math.floor((pixels + 2 * padding - size) / stride) + 1;
    const row = Array(pixels).fill(0);
    for (let token = 0; token < tokens; token++)
      for (let i = 0; i < size; i++) {
        const pixel = token * stride - padding + i;
        if (pixel in row) row[pixel]++;
      }
    const seen = row.map((a) => row.map((b) => a * b));
    return {size, stride, padding, tokens, row, seen};
  },
  say({size, stride, padding, tokens, seen}) {
    const all = seen.flat();
    const none = all.filter((n) => n === 0).length;
    const once = all.filter((n) => n === 1).length;
    const words = (n) => `${n || "none"} ${n > 1 ? "are" : "is"}`;
    return `A patch size of ${size}, a stride of ${stride} and a padding of ` +
      `${padding} give ${tokens} × ${tokens} tokens; of the 196 pixels, ` +
      `${words(none)} left out, ${words(once)} seen by one window and ` +
      `${words(all.length - none - once)} seen by several.`;
  },
  draw({seen}) {
    const most = Math.max(4, ...seen.flat());
    let parts = "";
    seen.forEach((line, y) => line.forEach((n, x) => {
      const share = (n - 1) / (most - 1);
      const fill = n ? viridis(share) : "#d55e00"; // orange: left out
      const ink = n && share < 0.45 ? "white" : "black";
      parts += `<rect x="${22 * x}" y="${22 * y}" width="22" height="22"
        fill="${fill}" shape-rendering="crispEdges"/><text x="${22 * x + 11}"
        y="${22 * y + 15}" font-size="11" text-anchor="middle"
        fill="${ink}">${n}</text>`;
    }));
    return {width: 308, height: 308, parts};
  },
});
