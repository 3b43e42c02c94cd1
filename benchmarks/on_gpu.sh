#!/usr/bin/env bash
# What has to be tried where there is a GPU, in under eight minutes:
#
#     bash benchmarks/on_gpu.sh [FOLDER]
#
# Parity with transformers in float32 and bfloat16, the benchmark beside
# compiled transformers, 300 steps of training in bf16 and in fp16, and a
# resumed run. Stops with another status than 0 at the first fault. PYTHON
# names the interpreter, DEVICE the device (for a dry run: DEVICE=cpu STEPS=4).
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
device=${DEVICE:-cuda}
steps=${STEPS:-300}
folder=${1:-$(mktemp -d)}
precisions=${PRECISIONS:-bf16 fp16}

say() { printf '\n== %s\n' "$1"; }

"$python" - "$device" <<'EOF'
import sys

import torch

if sys.argv[1] == "cuda":
    if not torch.cuda.is_available():
        sys.exit("no CUDA device: this script is for a GPU")
    print(torch.cuda.get_device_name(), torch.__version__)
EOF

say "parity"
"$python" benchmarks/parity.py --device "$device" --dtype bfloat16

say "benchmark"
if [ "$steps" -lt 100 ]; then quick=--quick; else quick=; fi
"$python" benchmarks/bench.py --device "$device" --budget 10 $quick

train() { "$python" -m segformer_tutorial.train "$@"; }

for precision in $precisions; do
  say "training in $precision"
  train --output "$folder/$precision" --device "$device" \
    --model b0 --crop-size 256 --batch-size 16 --lr 1e-3 \
    --steps "$steps" --eval-every "$steps" --save-every "$steps" \
    --precision "$precision"
  "$python" - "$folder/$precision/metrics.csv" "$steps" <<'EOF'
import csv
import math
import sys

with open(sys.argv[1], newline="") as file:
    rows = list(csv.DictReader(file))
losses = [float(row["loss"]) for row in rows if row["loss"]]
print("losses", *(f"{loss:.3f}" for loss in losses))
if not all(map(math.isfinite, losses)):
    sys.exit("a loss is not finite")
if int(sys.argv[2]) >= 100 and not losses[-1] < 0.7 * losses[0]:
    sys.exit("300 steps did not bring the loss down")
EOF
done

say "a resumed run"
first=${precisions%% *}
train --resume "$folder/$first" --steps "$((steps + steps / 2))"

say "all of it passed"
