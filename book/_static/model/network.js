"use strict";
// SegFormer in evaluation mode, from the parameters under PyTorch's names.

// Half precision, little-endian: a sign, five bits of exponent, ten of fraction.
function singles(base64) {
  const bytes = atob(base64);
  const powers = Array.from({ length: 32 }, (_, exponent) =>
    2 ** (exponent - 25));
  const out = new Float32Array(bytes.length / 2);
  for (let i = 0; i < out.length; i++) {
    const high = bytes.charCodeAt(2 * i + 1);
    const exponent = (high >> 2) & 31;
    const fraction = ((high & 3) << 8) | bytes.charCodeAt(2 * i);
    const size = (exponent ? 1024 + fraction : 2 * fraction) * powers[exponent];
    out[i] = high & 128 ? -size : size;
  }
  return out;
}

function network({ config, mean, std, names, weights }) {
  const values = singles(weights);
  const parameters = {};
  let from = 0;
  for (const [name, length] of names) {
    parameters[name] = values.subarray(from, from + length);
    from += length;
  }
  return { config, mean, std, parameters, ...folded(config, parameters) };
}

// Per feature map one matrix, and one bias, as in chapter 9.
function folded({ dims, decoder_dim: size }, parameters) {
  const of = (name) => parameters[`decoder.${name}`];
  const fuse = of("fuse.weight");
  const unify = dims.map((_, i) => of(`unify.${i}.weight`));
  const bias = new Float32Array(size);
  const matrices = dims.map((dim) => new Float32Array(size * dim));
  for (let o = 0; o < size; o++) {
    const scale = of("norm.weight")[o]
      / Math.sqrt(of("norm.running_var")[o] + 1e-5);
    let constant = -of("norm.running_mean")[o];
    dims.forEach((dim, i) => {
      const row = (o * dims.length + dims.length - 1 - i) * size;
      const sums = new Float64Array(dim);
      for (let k = 0; k < size; k++) {
        constant += fuse[row + k] * of(`unify.${i}.bias`)[k];
        for (let j = 0; j < dim; j++)
          sums[j] += fuse[row + k] * unify[i][k * dim + j];
      }
      for (let j = 0; j < dim; j++) matrices[i][o * dim + j] = scale * sums[j];
    });
    bias[o] = scale * constant + of("norm.bias")[o];
  }
  return { matrices, bias };
}

// rgba: the bytes of a canvas. What is returned keeps what `probe` and
// `attentionFrom` ask for.
function forward(net, rgba, height, width) {
  const { config, parameters } = net;
  const call = (operation, x, name, ...rest) =>
    operation(x, parameters[`${name}.weight`], parameters[`${name}.bias`], ...rest);
  const eps = (standard) => config.layer_norm_eps ?? standard;
  let x = featureMap(height, width, 3);
  for (let i = 0; i < height * width; i++)
    for (let k = 0; k < 3; k++)
      x.data[3 * i + k] = (rgba[4 * i + k] - net.mean[k]) / net.std[k];

  const blocks = []; // of each stage the last one's queries, keys and values
  const parts = []; // of each stage what it adds in the decoder
  config.dims.forEach((_, i) => {
    const stage = `encoder.stages.${i}.`;
    const patch = config.patch_sizes[i];
    const ratio = config.reduction_ratios[i];
    x = call(convolution, x, `${stage}patch_embedding.proj`, patch,
      config.strides[i], Math.floor(patch / 2));
    x = call(layerNorm, x, `${stage}patch_embedding.norm`, eps(1e-5));
    for (let j = 0; j < config.depths[i]; j++) {
      const block = `${stage}blocks.${j}.`;
      const normed = call(layerNorm, x, `${block}norm1`, eps(1e-6));
      let source = normed;
      if (ratio > 1) {
        source = call(convolution, normed, `${block}attn.reduce`, ratio, ratio, 0);
        source = call(layerNorm, source, `${block}attn.norm`, eps(1e-5));
      }
      const q = call(linear, normed, `${block}attn.q`);
      const kv = call(linear, source, `${block}attn.kv`);
      const seen = attention(q, kv, config.num_heads[i]);
      x = add(x, call(linear, seen, `${block}attn.proj`));
      let wide = call(layerNorm, x, `${block}norm2`, eps(1e-6));
      wide = call(linear, wide, `${block}ffn.fc1`);
      wide = gelu(call(depthwise, wide, `${block}ffn.dwconv`));
      x = add(x, call(linear, wide, `${block}ffn.fc2`));
      blocks[i] = { q, kv };
    }
    x = call(layerNorm, x, `${stage}norm`, eps(1e-6));
    parts.push(linear(x, net.matrices[i], new Float32Array(config.decoder_dim)));
  });

  const { h, w, c } = parts[0];
  const hidden = featureMap(h, w, c);
  for (let i = 0; i < hidden.data.length; i++) hidden.data[i] = net.bias[i % c];
  for (const part of parts) add(hidden, resized(part, h, w));
  const active = featureMap(h, w, c, hidden.data.map((v) => Math.max(0, v)));
  const logits = call(linear, active, "decoder.classify");
  return { height, width, blocks, parts, hidden, logits };
}

function labelsOf({ logits, height, width }) {
  const full = resized(logits, height, width).data;
  const labels = new Uint8Array(height * width);
  for (let i = 0, from = 0; i < labels.length; i++, from += logits.c) {
    let best = 0;
    for (let k = 1; k < logits.c; k++)
      if (full[from + k] > full[from + best]) best = k;
    labels[i] = best;
  }
  return labels;
}

// The logits of one pixel as a sum: what each feature map adds, then what the
// biases add. It is exact, because only channels that the ReLU lets through
// count, and what comes before and after it is linear.
function probe(net, state, y, x) {
  const { parts, hidden, logits } = state;
  const weight = net.parameters["decoder.classify.weight"];
  const terms = Array.from({ length: parts.length + 1 }, () =>
    new Float64Array(logits.c));
  const [top, bottom, down] = neighbours(y, state.height, hidden.h);
  const [left, right, along] = neighbours(x, state.width, hidden.w);
  for (const [row, vertical] of [[top, 1 - down], [bottom, down]])
    for (const [column, horizontal] of [[left, 1 - along], [right, along]]) {
      const share = vertical * horizontal;
      const from = (row * hidden.w + column) * hidden.c;
      const added = parts.map((part) => sample(part, row, column, hidden));
      added.push(net.bias);
      terms.forEach((term, i) => {
        for (let k = 0; k < term.length; k++)
          for (let j = 0; j < hidden.c; j++)
            if (hidden.data[from + j] > 0)
              term[k] += share * weight[k * hidden.c + j] * added[i][j];
      });
    }
  net.parameters["decoder.classify.bias"].forEach((value, k) => {
    terms.at(-1)[k] += value;
  });
  return terms;
}

// One position of a feature map that is resized to the size of another.
function sample(x, row, column, { h, w }) {
  const [top, bottom, down] = neighbours(row, h, x.h);
  const [left, right, along] = neighbours(column, w, x.w);
  const at = (i, j, k) => x.data[(i * x.w + j) * x.c + k];
  return Float64Array.from({ length: x.c }, (_, k) =>
    (1 - down) * ((1 - along) * at(top, left, k) + along * at(top, right, k))
    + down * ((1 - along) * at(bottom, left, k) + along * at(bottom, right, k)));
}

// Where the token at a pixel looks, in the last block of a stage: one weight
// per key. Without a head, the mean of all heads.
function attentionFrom(net, state, y, x, stage, head) {
  const { q, kv } = state.blocks[stage];
  const heads = net.config.num_heads[stage];
  const step = net.config.strides
    .slice(0, stage + 1).reduce((product, stride) => product * stride);
  const from = Math.floor(y / step) * q.w + Math.floor(x / step);
  const query = featureMap(1, 1, q.c,
    q.data.subarray(from * q.c, (from + 1) * q.c));
  const chosen = head === null ? [...Array(heads).keys()] : [head];
  const out = new Float32Array(kv.h * kv.w);
  for (const each of chosen)
    attentionWeights(query, kv, heads, each).forEach((weight, i) => {
      out[i] += weight / chosen.length;
    });
  const cell = step * net.config.reduction_ratios[stage];
  return { h: kv.h, w: kv.w, cell, weights: out };
}
