"use strict";
// The model beside the page: a picture comes in, its labels go out; a pixel
// comes in, what the model has to say about it goes out.

let net, state, labels;

onmessage = ({ data }) => {
  if (data.packed) net = network(data.packed);
  if (data.picture) {
    const { rgba, height, width, serial } = data.picture;
    const start = performance.now();
    state = forward(net, rgba, height, width);
    labels = labelsOf(state);
    const ms = performance.now() - start;
    postMessage({ labels, height, width, serial, ms });
  }
  if (data.pixel) {
    const { y, x, stage, head } = data.pixel;
    const terms = probe(net, state, y, x);
    const logits = terms[0].map((_, k) =>
      terms.reduce((sum, term) => sum + term[k], 0));
    const seen = attentionFrom(net, state, y, x, stage, head);
    postMessage({ y, x, stage, head, terms, seen, byClass: byClass(seen),
      label: labels[y * state.width + x], probabilities: softmax(logits) });
  }
  if (data.logits) postMessage({ logits: state.logits });
};

// How much attention goes to the pixels of each class, by the model's labels.
function byClass({ h, w, cell, weights }) {
  const out = new Float32Array(state.logits.c);
  for (let i = 0; i < h * cell; i++)
    for (let j = 0; j < w * cell; j++)
      out[labels[i * state.width + j]] +=
        weights[Math.floor(i / cell) * w + Math.floor(j / cell)] / cell ** 2;
  return out;
}
