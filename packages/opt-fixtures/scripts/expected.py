"""What transformers computes on a checkpoint folder: logits of prompts and of greedy decode steps."""

import copy
import json
from pathlib import Path

import numpy as np
import torch
from transformers import OPTForCausalLM

DECODE_STEPS = 24


def load(folder: Path) -> OPTForCausalLM:
    """The model as transformers reads the folder, half weights widened to float32."""
    model = OPTForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


@torch.no_grad()
def run(model: OPTForCausalLM, prompt: list[int], forced: list[int] | None = None):
    """Logits of all prompt positions, of every decode step, and the ids: one of the prompt, one of each step."""
    out = model(input_ids=torch.tensor([prompt]), use_cache=True)
    prefill, row, steps, ids = out.logits[0], out.logits[0, -1], [], []
    for step in range(DECODE_STEPS + 1):
        ids.append(int(row.argmax()) if forced is None else forced[step])
        if step == DECODE_STEPS:
            break
        out = model(input_ids=torch.tensor([[ids[-1]]]), past_key_values=out.past_key_values, use_cache=True)
        row = out.logits[0, -1]
        steps.append(row)
    return prefill, torch.stack(steps), ids


def share_of_bound(rows: torch.Tensor, exact: torch.Tensor) -> float:
    """Largest |a - b| as a share of the project's bound, 1e-4 |b| + 1e-4 std(row)."""
    bound = 1e-4 * exact.abs() + 1e-4 * exact.std(dim=-1, keepdim=True)
    return float(((rows.double() - exact).abs() / bound).max())


def expect(folder: Path, prompts: list[list[int]]) -> dict:
    """Runs all prompts in float32; float64 says how much of the bound float32 itself uses up."""
    model = load(folder)
    exact_model = copy.deepcopy(model).double()
    results, worst, smallest_gap = [], 0.0, float("inf")
    for prompt in prompts:
        prefill, steps, ids = run(model, prompt)
        exact_prefill, exact_steps, _ = run(exact_model, prompt, ids)
        worst = max(worst, share_of_bound(prefill, exact_prefill), share_of_bound(steps, exact_steps))
        top = torch.cat([prefill[-1:], steps]).topk(2, dim=-1).values
        gaps = (top[:, 0] - top[:, 1]).tolist()
        smallest_gap = min(smallest_gap, *gaps)
        results.append({"promptIds": prompt, "ids": ids, "gaps": gaps, "prefill": prefill, "steps": steps})
    return {"prompts": results, "float32ShareOfBound": worst, "smallestGap": smallest_gap}


def write(folder: Path, expected: dict, about: dict, texts: list[dict] | None) -> None:
    """expected.json, and the logits in expected.f32: of every prompt first its positions, then its decode steps."""
    rows = [np.concatenate([prompt.pop("prefill").numpy(), prompt.pop("steps").numpy()]) for prompt in expected["prompts"]]
    np.concatenate(rows).astype("<f4").tofile(folder / "expected.f32")
    for prompt, text in zip(expected["prompts"], texts or []):
        prompt.update(text)
    for prompt in expected["prompts"]:
        prompt["gaps"] = [float(f"{gap:.4g}") for gap in prompt["gaps"]]
    content = {**about, "decodeSteps": DECODE_STEPS, **expected}
    (folder / "expected.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
