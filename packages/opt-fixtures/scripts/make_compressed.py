"""Makes what transformers computes on weights that were quantised to 4 bits and widened again.

    python -m venv venv && venv/bin/pip install torch transformers numpy safetensors
    venv/bin/python packages/opt-fixtures/scripts/make_compressed.py

The quantiser is FlexGen's own lines (flexllmgen/compression.py: compress and decompress, asymmetric, 4 bits, group 64)
in PyTorch, but for the scale: q4g64 keeps (max - min) / 15 in float16 where FlexGen keeps its inverse. Nothing of
this project's TypeScript is in it. Results lie beside the checkpoints, in expected-FORM.json and expected-FORM.f32.
"""

import json
import logging
import shutil
import tempfile
import warnings
from pathlib import Path

import torch
import transformers

from checkpoint_files import write_checkpoint
from expected import expect, load, write
from make_fixtures import BASE, FIXTURES, file_state, is_good, prompts_of, random_model

GROUP, LEVELS = 64, 15

# A checkpoint whose matrices are whole groups high and wide, so that every one can have either form.
WHOLE = "four-bit"
WHOLE_CONFIG = {
    **BASE,
    "hidden_size": 64,
    "word_embed_proj_dim": 64,
    "ffn_dim": 128,
    "num_hidden_layers": 2,
    "torch_dtype": "float16",
}

CASES = [
    (WHOLE, "flexgen"),
    (WHOLE, "inputs"),
    ("head-dim-80", "flexgen"),
    ("head-dim-80", "inputs"),
    ("post-norm", "flexgen"),
    ("untied", "flexgen"),
    ("bfloat16", "inputs"),
]


def quantised(tensor: torch.Tensor, dim: int) -> torch.Tensor:
    """The float32 values that a float32 matrix has after it was stored in groups of 64 along `dim`."""
    size = tensor.shape[dim]
    pad = (GROUP - size % GROUP) % GROUP
    if pad:
        shape = list(tensor.shape)
        shape[dim] = pad
        tensor = torch.cat([tensor, torch.zeros(shape)], dim=dim)
    data = tensor.unflatten(dim, (-1, GROUP))
    mn = torch.min(data, dim=dim + 1, keepdim=True)[0]
    mx = torch.max(data, dim=dim + 1, keepdim=True)[0]
    scale = LEVELS / (mx - mn)
    nibbles = ((data - mn) * scale).clamp_(0, LEVELS).round_()
    step = ((mx - mn) / LEVELS).half().double()
    nibbles = torch.where(step == 0, 0, nibbles)
    values = mn.half().double() + nibbles.double() * step
    return values.float().flatten(dim, dim + 1).narrow(dim, 0, size)


def group_dim(name: str, tensor: torch.Tensor, form: str, tied: bool) -> int:
    """FlexGen groups along the outputs; tables that are read by rows, and q, k, v that are no whole groups, along rows."""
    if form == "inputs" or "embed_" in name or (tied and "lm_head" in name):
        return 1
    cut = any(part in name for part in ("q_proj", "k_proj", "v_proj")) and tensor.shape[0] % GROUP != 0
    return 1 if cut else 0


def make_whole() -> None:
    """The checkpoint of the first cases: the first seed whose ids vary in both forms."""
    folder = FIXTURES / WHOLE
    for seed in range(1, 200):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        model = random_model(WHOLE_CONFIG, seed)
        (folder / "config.json").write_text(json.dumps(WHOLE_CONFIG, indent=2) + "\n")
        write_checkpoint(folder, file_state(model, dtype=torch.float16), "safetensors")
        prompts, _ = prompts_of(folder, WHOLE_CONFIG, seed, False)
        if all(is_good(run(folder, form, prompts)) for form in ("flexgen", "inputs")):
            (folder / "prompts.json").write_text(json.dumps(prompts) + "\n")
            return
    raise SystemExit("no seed is good")


def run(folder: Path, form: str, prompts: list[list[int]]) -> dict:
    model = load(folder)
    tied = model.config.tie_word_embeddings
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                parameter.copy_(quantised(parameter.clone(), group_dim(name, parameter, form, tied)))
    with tempfile.TemporaryDirectory() as place:
        model.save_pretrained(place)
        return expect(Path(place), prompts)


def make(name: str, form: str) -> None:
    folder = FIXTURES / name
    config = json.loads((folder / "config.json").read_text())
    prompts_file = folder / "prompts.json"
    if prompts_file.exists():
        prompts = json.loads(prompts_file.read_text())
    else:
        prompts = [prompt["promptIds"] for prompt in json.loads((folder / "expected.json").read_text())["prompts"]]
    expected = run(folder, form, prompts)
    about = {
        "form": form,
        "madeWith": {"torch": torch.__version__, "transformers": transformers.__version__},
        "vocabularySize": config["vocab_size"],
    }
    with tempfile.TemporaryDirectory() as place:
        write(Path(place), expected, about, None)
        for end in ("json", "f32"):
            shutil.copyfile(Path(place) / f"expected.{end}", folder / f"expected-{form}.{end}")
    print(f"{name}, {form}: smallest gap {expected['smallestGap']:.4f}, float32 uses {expected['float32ShareOfBound']:.3f}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    transformers.utils.logging.disable_progress_bar()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    make_whole()
    for case in CASES:
        make(*case)
