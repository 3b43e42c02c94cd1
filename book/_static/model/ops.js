"use strict";
// The operations of the model. A feature map is {h, w, c, data}, its data in
// the order h w c. Sums are formed in double precision and kept in single.

const featureMap = (h, w, c, data = new Float32Array(h * w * c)) =>
  ({ h, w, c, data });

// Rows of x times rows of the weight, four outputs at a time: each value of x
// is then read once for four products.
function product(x, rows, weight, bias) {
  const inner = x.length / rows;
  const outer = weight.length / inner;
  const out = new Float32Array(rows * outer);
  for (let row = 0; row < rows; row++) {
    const from = row * inner;
    const to = row * outer;
    let o = 0;
    for (; o + 3 < outer; o += 4) {
      const w0 = o * inner, w1 = w0 + inner, w2 = w1 + inner, w3 = w2 + inner;
      let a = bias[o], b = bias[o + 1], c = bias[o + 2], d = bias[o + 3];
      for (let i = 0; i < inner; i++) {
        const value = x[from + i];
        a += value * weight[w0 + i];
        b += value * weight[w1 + i];
        c += value * weight[w2 + i];
        d += value * weight[w3 + i];
      }
      out[to + o] = a;
      out[to + o + 1] = b;
      out[to + o + 2] = c;
      out[to + o + 3] = d;
    }
    for (; o < outer; o++) {
      let sum = bias[o];
      for (let i = 0; i < inner; i++) sum += x[from + i] * weight[o * inner + i];
      out[to + o] = sum;
    }
  }
  return out;
}

function linear(x, weight, bias) {
  const data = product(x.data, x.h * x.w, weight, bias);
  return featureMap(x.h, x.w, bias.length, data);
}

// The weight is in the order out kernel kernel in, as the patches are.
function convolution(x, weight, bias, kernel, stride, padding) {
  const h = Math.floor((x.h + 2 * padding - kernel) / stride) + 1;
  const w = Math.floor((x.w + 2 * padding - kernel) / stride) + 1;
  const patches = new Float32Array(h * w * kernel * kernel * x.c);
  let to = 0;
  for (let i = 0; i < h; i++)
    for (let j = 0; j < w; j++)
      for (let u = 0; u < kernel; u++)
        for (let v = 0; v < kernel; v++, to += x.c) {
          const row = i * stride - padding + u;
          const column = j * stride - padding + v;
          if (row < 0 || row >= x.h || column < 0 || column >= x.w) continue;
          const from = (row * x.w + column) * x.c;
          for (let k = 0; k < x.c; k++) patches[to + k] = x.data[from + k];
        }
  return featureMap(h, w, bias.length, product(patches, h * w, weight, bias));
}

// A 3 x 3 convolution of each channel on its own, padded with zeros.
function depthwise(x, weight, bias) {
  const { h, w, c } = x;
  const out = featureMap(h, w, c);
  const taps = transposed(weight, 9);
  for (let i = 0; i < h; i++)
    for (let j = 0; j < w; j++) {
      const to = (i * w + j) * c;
      for (let k = 0; k < c; k++) out.data[to + k] = bias[k];
      for (let u = Math.max(0, 1 - i); u < Math.min(3, h + 1 - i); u++)
        for (let v = Math.max(0, 1 - j); v < Math.min(3, w + 1 - j); v++) {
          const from = ((i + u - 1) * w + j + v - 1) * c;
          const tap = (u * 3 + v) * c;
          for (let k = 0; k < c; k++)
            out.data[to + k] += x.data[from + k] * taps[tap + k];
        }
    }
  return out;
}

function layerNorm(x, weight, bias, eps) {
  const out = featureMap(x.h, x.w, x.c);
  for (let from = 0; from < x.data.length; from += x.c) {
    let sum = 0, squares = 0;
    for (let k = 0; k < x.c; k++) sum += x.data[from + k];
    const mean = sum / x.c;
    for (let k = 0; k < x.c; k++) {
      const apart = x.data[from + k] - mean;
      squares += apart * apart;
    }
    const scale = 1 / Math.sqrt(squares / x.c + eps);
    for (let k = 0; k < x.c; k++)
      out.data[from + k] = (x.data[from + k] - mean) * scale * weight[k] + bias[k];
  }
  return out;
}

// Abramowitz and Stegun, 7.1.26: wrong by less than 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t
    - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

function gelu(x) {
  for (let i = 0; i < x.data.length; i++)
    x.data[i] *= 0.5 * (1 + erf(x.data[i] * Math.SQRT1_2));
  return x;
}

function add(x, y) {
  for (let i = 0; i < x.data.length; i++) x.data[i] += y.data[i];
  return x;
}

function softmax(x) {
  let most = -Infinity, sum = 0;
  for (let i = 0; i < x.length; i++) if (x[i] > most) most = x[i];
  for (let i = 0; i < x.length; i++) sum += x[i] = Math.exp(x[i] - most);
  for (let i = 0; i < x.length; i++) x[i] /= sum;
  return x;
}

// Some columns of a matrix whose rows have `width` values.
function columns(data, width, from, size) {
  const rows = data.length / width;
  const out = new Float32Array(rows * size);
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < size; k++) out[i * size + k] = data[i * width + from + k];
  return out;
}

function transposed(data, width) {
  const rows = data.length / width;
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < width; k++) out[k * rows + i] = data[i * width + k];
  return out;
}

// The attention weights of one head: for each query a row of one per key. A
// row of kv holds the keys of all heads, then their values.
function attentionWeights(q, kv, heads, head) {
  const size = q.c / heads;
  const keys = kv.h * kv.w;
  const queries = columns(q.data, q.c, head * size, size);
  for (let i = 0; i < queries.length; i++) queries[i] /= Math.sqrt(size);
  const out = product(queries, q.h * q.w,
    columns(kv.data, kv.c, head * size, size), new Float32Array(keys));
  for (let from = 0; from < out.length; from += keys)
    softmax(out.subarray(from, from + keys));
  return out;
}

function attention(q, kv, heads) {
  const size = q.c / heads;
  const rows = q.h * q.w;
  const out = featureMap(q.h, q.w, q.c);
  for (let head = 0; head < heads; head++) {
    const values = columns(kv.data, kv.c, q.c + head * size, size);
    const sums = product(attentionWeights(q, kv, heads, head), rows,
      transposed(values, size), new Float32Array(size));
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < size; k++)
        out.data[i * q.c + head * size + k] = sums[i * size + k];
  }
  return out;
}

// Bilinear, corners not aligned: which two of `size` values make value i of
// `length`, and the weight of the second.
function neighbours(i, length, size) {
  const at = Math.max(0, ((i + 0.5) * size) / length - 0.5);
  const first = Math.min(size - 1, Math.floor(at));
  return [first, Math.min(size - 1, first + 1), at - first];
}

function resized(x, h, w) {
  const out = featureMap(h, w, x.c);
  const columns = Array.from({ length: w }, (_, j) => neighbours(j, w, x.w));
  for (let i = 0, to = 0; i < h; i++) {
    const [top, bottom, down] = neighbours(i, h, x.h);
    for (const [left, right, along] of columns) {
      const a = (top * x.w + left) * x.c, b = (top * x.w + right) * x.c;
      const c = (bottom * x.w + left) * x.c, d = (bottom * x.w + right) * x.c;
      for (let k = 0; k < x.c; k++, to++) {
        const above = x.data[a + k] + along * (x.data[b + k] - x.data[a + k]);
        const below = x.data[c + k] + along * (x.data[d + k] - x.data[c + k]);
        out.data[to] = above + down * (below - above);
      }
    }
  }
  return out;
}
