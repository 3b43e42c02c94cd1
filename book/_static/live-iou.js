// Chapter 1: one matrix for all pictures, or a mean over the pictures.
{
  const ROWS = 8, COLUMNS = 12, NAMES = ["A", "B", "C"];
  // The object in each picture: its rows and columns, from and to.
  const OBJECTS = [[1, 7, 3, 9], [1, 7, 5, 7], null];
  const COLOURS = ["#d9dde1", "#cc79a7", "#d55e00", "#009e73"];
  const KINDS = ["background", "false alarm", "missed", "found"];

  const pixels = (test) => Array.from({length: ROWS * COLUMNS}, (_, i) =>
    Number(test(Math.floor(i / COLUMNS), i % COLUMNS)));
  const TRUE = OBJECTS.map((box) => pixels((row, column) => box !== null &&
    row >= box[0] && row < box[1] && column >= box[2] && column < box[3]));
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const mean = (values) => values.reduce((a, b) => a + b) / values.length;

  const counted = (truth, predicted) => {
    const counts = [[0, 0], [0, 0]];
    truth.forEach((t, i) => counts[t][predicted[i]]++);
    return counts;
  };
  const miou = (c) => mean([0, 1].flatMap((k) => {
    const either = c[k][0] + c[k][1] + c[0][k] + c[1][k] - c[k][k];
    return either ? [c[k][k] / either] : []; // an absent class has none
  }));

  liveFigure("iou", {
    title: "Three pictures, and three ways to judge them",
    controls: [
      {name: "a", label: "Found in A, of 36", min: 0, max: 36, value: 36},
      {name: "b", label: "Found in B, of 12", min: 0, max: 12, value: 6},
      {name: "c", label: "False alarms in C", min: 0, max: 8, value: 1},
    ],
    compute({a, b, c}) {
      const first = (truth, n) => truth.map((t) => Number(t && n-- > 0));
      const row = pixels((y, x) => y === 3 && x >= 2 && x < 10);
      const predicted = [first(TRUE[0], a), first(TRUE[1], b), first(row, c)];
      const each = TRUE.map((truth, i) => miou(counted(truth, predicted[i])));
      const counts = counted(TRUE.flat(), predicted.flat());
      const accuracy = (counts[0][0] + counts[1][1]) / TRUE.flat().length;
      const pooled = miou(counts);
      return {
        truth: TRUE, predicted, each, accuracy, pooled, mean: mean(each),
      };
    },
    say: ({accuracy, pooled, mean}) =>
      `${percent(accuracy)} of the pixels are right; one matrix for all ` +
      `pictures gives an mIoU of ${percent(pooled)}, and the mean of the ` +
      `three pictures is ${percent(mean)}.`,
    draw({truth, predicted, each}) {
      let parts = "";
      each.forEach((value, k) => {
        const left = 116 * k;
        parts += `<text x="${left + 54}" y="12" font-size="12"
          text-anchor="middle" fill="currentColor">${NAMES[k]}: mIoU
          ${percent(value)}</text>`;
        truth[k].forEach((t, i) => {
          const x = left + 9 * (i % COLUMNS);
          const y = 20 + 9 * Math.floor(i / COLUMNS);
          parts += `<rect x="${x}" y="${y}" width="8.5" height="8.5"
            fill="${COLOURS[2 * t + predicted[k][i]]}"/>`;
        });
      });
      let left = 0;
      KINDS.forEach((kind, i) => {
        parts += `<rect x="${left}" y="102" width="9" height="9"
          fill="${COLOURS[i]}"/><text x="${left + 13}" y="111"
          font-size="12" fill="currentColor">${kind}</text>`;
        left += 26 + 6.8 * kind.length;
      });
      return {width: 340, height: 118, parts};
    },
  });
}
