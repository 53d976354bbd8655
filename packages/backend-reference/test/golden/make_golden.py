"""Makes golden.json: operator results computed with numpy in float64, independently of the TypeScript.

Run:  python -m pip install numpy && python make_golden.py
Inputs are float32 values (weights may be float16 or bfloat16 bit patterns); results are rounded to float32.
"""

import json
import math
import pathlib

import numpy as np

rng = np.random.default_rng(20240229)
cases = []


def floats(*shape, scale=1.0):
    return (rng.uniform(-1, 1, shape) * scale).astype(np.float32)


def tensor(array):
    """A tensor as JSON; float32 values are printed with as many digits as they need."""
    if array.dtype == np.float32:
        return {"dtype": "float32", "shape": list(array.shape), "values": [float(str(v)) for v in array.ravel()]}
    return {"dtype": "int32", "shape": list(array.shape), "values": [int(v) for v in array.ravel()]}


def half_bits(array, dtype):
    """A weight in a half dtype as bit patterns, and the float64 values that they stand for."""
    if dtype == "float16":
        half = array.astype(np.float16)
        bits, values = half.view(np.uint16), half.astype(np.float64)
    else:
        # bfloat16 is the upper half of float32; cutting is enough to make test values.
        bits = (array.view(np.uint32) >> 16).astype(np.uint16)
        values = (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return {"dtype": dtype, "shape": list(array.shape), "values": [int(v) for v in bits.ravel()]}, values


def f32(array):
    return np.asarray(array, dtype=np.float64).astype(np.float32)


def case(name, operator, attributes, inputs, outputs, weights=(), weight_tensors=None):
    tensors = {key: tensor(value) for key, value in inputs.items()}
    tensors.update(weight_tensors or {})
    system = [key for key in tensors if key in ("ids", "positions", "lengths", "uniform")]
    implicit = ("positions", "lengths") if operator == "LastPosition" else ()
    cases.append(
        {
            "name": name,
            "operator": operator,
            "attributes": attributes,
            "nodeInputs": [key for key in tensors if key not in implicit],
            "weights": list(weights),
            "system": system,
            "inputs": tensors,
            "outputs": {key: tensor(value) for key, value in outputs.items()},
        }
    )


x = floats(2, 3, 5)
x64 = x.astype(np.float64)

table, ids = floats(6, 4), np.array([[0, 3], [1, 2], [3, 3]], dtype=np.int32)
case("Gather, offset 2", "Gather", {"indexOffset": 2}, {"table": table, "ids": ids}, {"y": table[ids + 2]}, ["table"])

w, b = floats(7, 5), floats(7)
case("Linear transposed with bias", "Linear", {"transposed": True}, {"x": x, "w": w, "b": b},
     {"y": f32(x64 @ w.astype(np.float64).T + b)}, ["w", "b"])
w = floats(5, 7)
case("Linear untransposed without bias", "Linear", {"transposed": False}, {"x": x, "w": w},
     {"y": f32(x64 @ w.astype(np.float64))}, ["w"])
for dtype in ("float16", "bfloat16"):
    (w_tensor, w64), (b_tensor, b64) = half_bits(floats(6, 5), dtype), half_bits(floats(6), dtype)
    case(f"Linear transposed, {dtype}", "Linear", {"transposed": True}, {"x": x}, {"y": f32(x64 @ w64.T + b64)},
         ["w", "b"], {"w": w_tensor, "b": b_tensor})

a = floats(2, 3, 5)
case("Add", "Add", {}, {"a": a, "b": x}, {"y": f32(a.astype(np.float64) + x)})
case("Mul", "Mul", {}, {"a": a, "b": x}, {"y": f32(a.astype(np.float64) * x)})

scale, bias = floats(5), floats(5)
shifted = f32(x64 * 2 + 1)
s64 = shifted.astype(np.float64)
normal = (s64 - s64.mean(-1, keepdims=True)) / np.sqrt(s64.var(-1, keepdims=True) + 1e-5)
case("LayerNormalization", "LayerNormalization", {"epsilon": 1e-5}, {"x": shifted, "scale": scale, "bias": bias},
     {"y": f32(normal * scale + bias)}, ["scale", "bias"])
rms = s64 / np.sqrt((s64**2).mean(-1, keepdims=True) + 0.01)
case("RMSNormalization", "RMSNormalization", {"epsilon": 0.01}, {"x": shifted, "scale": scale},
     {"y": f32(rms * scale)}, ["scale"])

wide = np.array([[[-8, -3, -1, -0.25, 0, 0.25, 1, 2, 3.5, 8]]], dtype=np.float32)
wide64 = wide.astype(np.float64)
erf = np.vectorize(math.erf)
case("Relu", "Relu", {}, {"x": wide}, {"y": np.maximum(wide, 0)})
case("Gelu, erf", "Gelu", {"approximate": "none"}, {"x": wide},
     {"y": f32(wide64 / 2 * (1 + erf(wide64 / math.sqrt(2))))})
case("Gelu, tanh", "Gelu", {"approximate": "tanh"}, {"x": wide},
     {"y": f32(0.5 * wide64 * (1 + np.tanh(math.sqrt(2 / math.pi) * (wide64 + 0.044715 * wide64**3))))})
case("Silu", "Silu", {}, {"x": wide}, {"y": f32(wide64 / (1 + np.exp(-wide64)))})


def softmax(values):
    exps = np.exp(values - values.max(-1, keepdims=True))
    return exps / exps.sum(-1, keepdims=True)


large = f32(x64 * 200)
case("Softmax of large values", "Softmax", {}, {"x": large}, {"y": f32(softmax(large.astype(np.float64)))})
case("Split", "Split", {"sizes": [1, 3, 1]}, {"x": x}, {"y0": x[..., :1], "y1": x[..., 1:4], "y2": x[..., 4:]})

positions = np.array([[0, 1, 2], [7, 8, 9]], dtype=np.int32)
for interleaved in (False, True):
    heads, head_dim, rotary_dim, theta = 2, 6, 4, 100.0
    q = floats(2, 3, heads * head_dim)
    y = q.astype(np.float64).reshape(2, 3, heads, head_dim).copy()
    source = y.copy()
    for i in range(rotary_dim // 2):
        angle = positions[..., None] * theta ** (-2 * i / rotary_dim)
        p, r = (2 * i, 2 * i + 1) if interleaved else (i, i + rotary_dim // 2)
        # A rotation of the plane, written as complex numbers to be another way than the code's.
        turned = (source[..., p] + 1j * source[..., r]) * np.exp(1j * angle)
        y[..., p], y[..., r] = turned.real, turned.imag
    case(f"RotaryEmbedding, interleaved {interleaved}", "RotaryEmbedding",
         {"heads": heads, "headDim": head_dim, "rotaryDim": rotary_dim, "theta": theta, "interleaved": interleaved},
         {"x": q, "positions": positions}, {"y": f32(y.reshape(q.shape))})

lengths = np.array([2, 10], dtype=np.int32)
case("LastPosition", "LastPosition", {}, {"x": x, "positions": positions, "lengths": lengths},
     {"y": np.stack([x[0, 1:2], x[1, 2:3]])})

ties = np.array([[[1, 3, 3, -1, 2]], [[0, 0, 0, 0, 0]]], dtype=np.float32)
case("ArgMax with ties", "ArgMax", {}, {"x": ties}, {"y": np.array([[1], [0]], dtype=np.int32)})
case("TopK with ties", "TopK", {"k": 3}, {"x": ties},
     {"values": np.array([[[3, 3, 2]], [[0, 0, 0]]], dtype=np.float32),
      "indices": np.array([[[1, 2, 4]], [[0, 1, 2]]], dtype=np.int32)})

# Probabilities 0.1, 0.2, 0.4, 0.3 at temperature 1: sorted they are ids 2, 3, 1, 0.
chances = np.log(np.array([0.1, 0.2, 0.4, 0.3]))
for name, attributes, rows in [
    ("all", {"temperature": 1, "topK": 0, "topP": 1}, [(0.0, 2), (0.39, 2), (0.41, 3), (0.69, 3), (0.71, 1), (0.89, 1), (0.91, 0), (0.999, 0)]),
    ("topK 2: 4/7 and 3/7", {"temperature": 1, "topK": 2, "topP": 1}, [(0.0, 2), (0.57, 2), (0.572, 3), (0.999, 3)]),
    ("topP 0.75: 4/9, 3/9, 2/9", {"temperature": 1, "topK": 0, "topP": 0.75}, [(0.44, 2), (0.45, 3), (0.77, 3), (0.78, 1), (0.999, 1)]),
    ("topP below the first", {"temperature": 1, "topK": 0, "topP": 0.1}, [(0.0, 2), (0.999, 2)]),
    # The first two make 7/9 of what topK leaves, but only 0.7 of everything.
    ("topK 3, then topP 0.75", {"temperature": 1, "topK": 3, "topP": 0.75}, [(0.57, 2), (0.572, 3), (0.999, 3)]),
    # Squares of the probabilities: 16, 9, 4, 1 of 30.
    ("temperature 1/2", {"temperature": 0.5, "topK": 0, "topP": 1}, [(0.53, 2), (0.54, 3), (0.83, 3), (0.84, 1), (0.96, 1), (0.97, 0)]),
]:
    uniform = np.array([number for number, _ in rows], dtype=np.float32)
    logits = np.repeat(f32(chances)[None, None], len(rows), 0)
    case(f"Sample, {name}", "Sample", attributes, {"logits": logits, "uniform": uniform},
         {"ids": np.array([[expected] for _, expected in rows], dtype=np.int32)})


def attention_case(name, heads, kv_heads, head_dim, sparsity, steps, max_positions):
    """Sequences whose tokens arrive in steps; every step is a full softmax over what has arrived, by einsum."""
    batch = len(steps[0])
    scale = 0.3
    seen = [0] * batch
    keys = [np.zeros((0, kv_heads, head_dim)) for _ in range(batch)]
    values = [np.zeros((0, kv_heads, head_dim)) for _ in range(batch)]
    out = []
    for counts in steps:
        seq = max(counts)
        q, k, v = floats(batch, seq, heads * head_dim, scale=2), floats(batch, seq, kv_heads * head_dim), floats(batch, seq, kv_heads * head_dim)
        y = np.zeros((batch, seq, heads * head_dim))
        for row, count in enumerate(counts):
            new_k = k[row, :count].astype(np.float64).reshape(count, kv_heads, head_dim)
            new_v = v[row, :count].astype(np.float64).reshape(count, kv_heads, head_dim)
            keys[row], values[row] = np.concatenate([keys[row], new_k]), np.concatenate([values[row], new_v])
            group = heads // kv_heads
            all_k, all_v = np.repeat(keys[row], group, 1), np.repeat(values[row], group, 1)
            queries = q[row, :count].astype(np.float64).reshape(count, heads, head_dim)
            scores = scale * np.einsum("thd,phd->htp", queries, all_k)
            past = np.arange(all_k.shape[0])[None, :] <= seen[row] + np.arange(count)[:, None]
            weights = softmax(np.where(past[None], scores, -np.inf))
            if count == 1 and sparsity < 1:
                kept = math.floor(sparsity * seen[row])
                for head in range(heads):
                    order = np.argsort(-weights[head, 0, : seen[row]], kind="stable")
                    weights[head, 0, order[kept:]] = 0
            y[row, :count] = np.einsum("htp,phd->thd", weights, all_v).reshape(count, -1)
        out.append(
            {
                "q": tensor(q), "k": tensor(k), "v": tensor(v), "y": tensor(f32(y)),
                "positions": tensor(np.array([[s + i for i in range(seq)] for s in seen], dtype=np.int32)),
                "lengths": tensor(np.array([s + c for s, c in zip(seen, counts)], dtype=np.int32)),
            }
        )
        seen = [s + c for s, c in zip(seen, counts)]
    attributes = {"cache": "kv", "heads": heads, "kvHeads": kv_heads, "headDim": head_dim, "scale": scale, "sparsity": sparsity}
    return {"name": name, "maxPositions": max_positions, "attributes": attributes, "steps": out}


attention = [
    attention_case("ragged prompts, then decode", 2, 2, 3, 1, [[4, 2], [1, 1], [1, 1]], 6),
    attention_case("grouped heads", 4, 2, 2, 1, [[3, 1], [1, 1]], 5),
    attention_case("sparse decode", 2, 1, 3, 0.5, [[5, 3], [1, 1], [1, 1]], 8),
    attention_case("chunks", 1, 1, 4, 1, [[2, 3], [3, 1], [1, 2]], 8),
]

path = pathlib.Path(__file__).with_name("golden.json")
text = ",\n".join(json.dumps(entry) for entry in cases)
attention_text = ",\n".join(json.dumps(entry) for entry in attention)
path.write_text(f'{{"cases": [\n{text}\n],\n"attention": [\n{attention_text}\n]}}\n')
print(f"{len(cases)} cases and {len(attention)} of attention in {path.stat().st_size} bytes")
