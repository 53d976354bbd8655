"""What group size a 4-bit KV cache needs: held-out perplexity of the demo model by transformers, where keys and values are
quantised and widened again before they are attended to. Groups lie along the head dim, which is 32 in this model; the
engine pads a head to 64 values with zeros, which widen the range of a group ("padded").

    python apps/bench/scripts/kv-group-study.py [every nth window]     # torch 2.15, transformers 5.24
"""

import math
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, OPTForCausalLM

ROOT = Path(__file__).resolve().parents[3]
LENGTH, STRIDE, BATCH = 512, 256, 4


def windows(ids: list[int]) -> list[tuple[list[int], int]]:
    """As apps/bench/src/quality/windows.ts cuts them."""
    start, text, result, done = ids[0], ids[1:], [], 0
    while done < len(text):
        end = min(len(text), LENGTH - 1 if done == 0 else done + STRIDE)
        result.append(([start] + text[max(0, end - (LENGTH - 1)) : end], end - done))
        done = end
    return result


def quantized(values: torch.Tensor, heads: int, size: int, padded: bool) -> torch.Tensor:
    """Values `[batch, seq, hidden]` in 4 bits by groups of `size` along each head, widened again."""
    groups = values.unflatten(-1, (heads, -1)).unflatten(-1, (-1, size))
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    if padded:
        low, high = low.clamp(max=0), high.clamp(min=0)
    steps = ((groups - low) * 15 / (high - low)).nan_to_num().round()
    return (steps * ((high - low) / 15).half().float() + low.half().float()).reshape(values.shape)


@torch.no_grad()
def perplexity(model: OPTForCausalLM, parts: list[tuple[list[int], int]]) -> float:
    nats, count = 0.0, 0
    for first in range(0, len(parts), BATCH):
        rows = parts[first : first + BATCH]
        ids = torch.full((len(rows), max(len(window) for window, _ in rows)), 1)
        for row, (window, _) in enumerate(rows):
            ids[row, : len(window)] = torch.tensor(window)
        scores = torch.log_softmax(model(ids).logits[:, :-1].float(), -1).gather(-1, ids[:, 1:, None]).squeeze(-1)
        for row, (window, scored) in enumerate(rows):
            nats -= scores[row, len(window) - 1 - scored : len(window) - 1].sum().item()
            count += scored
    return math.exp(nats / count)


def main() -> None:
    folder = ROOT / "packages/demo-model/model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = OPTForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    heads = model.config.num_attention_heads
    texts = sorted((ROOT / "apps/bench/data/held-out").glob("*.txt"))
    parts = [part for file in texts for part in windows(tokenizer(file.read_text().rstrip())["input_ids"])]
    parts = parts[:: int(sys.argv[1]) if len(sys.argv) > 1 else 1]
    setting: dict[str, object] = {"which": "", "size": 32, "padded": False}

    def hook_of(name: str):
        def hook(_module, _inputs, output: torch.Tensor) -> torch.Tensor | None:
            return quantized(output, heads, setting["size"], setting["padded"]) if name in setting["which"] else None

        return hook

    for layer in model.model.decoder.layers:
        layer.self_attn.k_proj.register_forward_hook(hook_of("k"))
        layer.self_attn.v_proj.register_forward_hook(hook_of("v"))
    base = perplexity(model, parts)
    print(f"{sum(scored for _, scored in parts)} tokens, float32: {base:.3f}\n")
    print("| values a group | bits a value | of | rise % |")
    print("|---|---|---|---|")
    rows = [("32, padded to 64", 32, True, 9), ("32", 32, False, 5), ("16", 16, False, 6), ("8", 8, False, 8)]
    for name, size, padded, bits in rows:
        for which, what in (("kv", "keys and values"), ("k", "keys alone"), ("v", "values alone")):
            setting.update(which=which, size=size, padded=padded)
            rise = 100 * (perplexity(model, parts) / base - 1)
            print(f"| {name} | {bits} | {what} | {rise:.2f} |", flush=True)


if __name__ == "__main__":
    main()
