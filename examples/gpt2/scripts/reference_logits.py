"""Writes what transformers computes on a checkpoint folder, for the tests: expected.json and expected.f32.

    python -m venv venv && venv/bin/pip install torch transformers numpy safetensors
    venv/bin/python scripts/reference_logits.py FOLDER "A prompt" "Another prompt"

expected.json has the ids of every prompt with 16 greedy ones behind them, expected.f32 the logits after each of these ids.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


@torch.no_grad()
def run(model, prompt: list[int], steps: int = 16) -> tuple[torch.Tensor, list[int]]:
    """Logits after every id that was read, and the ids: of the prompt, then greedy ones."""
    out = model(input_ids=torch.tensor([prompt]), use_cache=True)
    rows, ids = [out.logits[0]], list(prompt)
    for _ in range(steps):
        ids.append(int(rows[-1][-1].argmax()))
        out = model(input_ids=torch.tensor([[ids[-1]]]), past_key_values=out.past_key_values, use_cache=True)
        rows.append(out.logits[0])
    return torch.cat(rows), ids


def write_reference(folder: Path, texts: list[str]) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases, logits = [], []
    for text in texts:
        prompt = tokenizer(text)["input_ids"]
        rows, ids = run(model, prompt)
        new_text = tokenizer.decode(ids[len(prompt) :])
        cases.append({"text": text, "newText": new_text, "promptLength": len(prompt), "ids": ids})
        logits.append(rows.numpy())
    expected = {"vocabularySize": model.config.vocab_size, "cases": cases}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
    np.concatenate(logits).astype("<f4").tofile(folder / "expected.f32")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write_reference(Path(sys.argv[1]), sys.argv[2:])
