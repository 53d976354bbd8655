"""Makes the tiny OPT checkpoints of this package, and what transformers computes on them.

    python -m venv venv && venv/bin/pip install torch transformers numpy safetensors
    venv/bin/python packages/opt-fixtures/scripts/make_fixtures.py

Weights are random, large enough that greedy ids vary; of several seeds the first is taken whose ids vary and whose
two largest logits are never close, so that ids can be compared at every step.
"""

import json
import logging
import shutil
import warnings
from pathlib import Path

import torch
import transformers
from transformers import AutoTokenizer, OPTConfig, OPTForCausalLM

from checkpoint_files import write_checkpoint
from expected import expect, write
from tiny_tokenizer import write_tokenizer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"

BASE = {
    "activation_dropout": 0.0,
    "activation_function": "relu",
    "architectures": ["OPTForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "do_layer_norm_before": True,
    "dropout": 0.1,
    "eos_token_id": 2,
    "ffn_dim": 64,
    "hidden_size": 32,
    "init_std": 0.02,
    "layerdrop": 0.0,
    "max_position_embeddings": 64,
    "model_type": "opt",
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "pad_token_id": 1,
    "prefix": "</s>",
    "torch_dtype": "float32",
    "use_cache": True,
    "vocab_size": 128,
    "word_embed_proj_dim": 32,
}

REAL = {"vocab_size": 328, "torch_dtype": "float16"}
POST = {"do_layer_norm_before": False, "hidden_size": 48, "num_attention_heads": 3, "ffn_dim": 96}

# name: what it is, changes of the config, and how the file is written
CASES = {
    "pre-norm": ("pre-norm, float32, one safetensors file", {"hidden_size": 48, "word_embed_proj_dim": 48, "ffn_dim": 96}, {}),
    "post-norm": ("post-norm with project_in and project_out, as opt-350m", POST, {}),
    "head-dim-80": (
        "two heads of 80 dimensions, as opt-2.7b has",
        {"hidden_size": 160, "word_embed_proj_dim": 160, "num_attention_heads": 2, "num_hidden_layers": 2, "ffn_dim": 32},
        {},
    ),
    "sharded": ("three safetensors files and an index", {}, {"shards": 3}),
    "float16": ("float16 safetensors", {"torch_dtype": "float16"}, {"dtype": torch.float16}),
    "bfloat16": ("bfloat16 safetensors", {"torch_dtype": "bfloat16"}, {"dtype": torch.bfloat16}),
    "untied": ("a head of its own: tie_word_embeddings false", {"tie_word_embeddings": False}, {}),
    "facebook-bin": (
        "the files of a facebook/opt repository: pytorch_model.bin with model.decoder. names and a shared lm_head",
        REAL,
        {"dtype": torch.float16, "form": "bin", "tokenizer": True},
    ),
    "facebook-bin-sharded": (
        "the same with decoder. names, no lm_head, in two .bin files with an index",
        REAL,
        {"dtype": torch.float16, "form": "bin", "tokenizer": True, "shards": 2, "prefix": "decoder."},
    ),
}

PROMPT_LENGTHS = [1, 4, 7, 12]
TEXTS = ["The", "Paris is the capital city of", "a weight on the disk"]


def weight_std(name: str, parameter: torch.Tensor, config: dict) -> float:
    """Scales at which greedy ids vary: strong positions, and weak branches where a norm follows the residual sum."""
    if parameter.dim() == 1:
        return 0.1
    if "embed_positions" in name:
        return 1.0
    if not config["do_layer_norm_before"] and ("out_proj" in name or "fc2" in name):
        return 0.06
    return 0.2 if config["hidden_size"] > 100 else 0.3


def random_model(config: dict, seed: int) -> OPTForCausalLM:
    model = OPTForCausalLM(OPTConfig(**config)).eval()
    generator = torch.Generator().manual_seed(seed)
    seen = set()
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            assert parameter.data_ptr() not in seen
            seen.add(parameter.data_ptr())
            noise = torch.randn(parameter.shape, generator=generator) * weight_std(name, parameter, config)
            parameter.copy_(noise + 1 if "norm.weight" in name else noise)
    return model


def file_state(model: OPTForCausalLM, dtype=torch.float32, form="safetensors", prefix="model.decoder.", **_) -> dict:
    """The state dict as the file holds it; a tied head is in .bin files only, where it shares the table's storage."""
    model = model.to(dtype)
    if prefix == "decoder.":
        return dict(model.model.state_dict())
    state = model.state_dict()
    if model.config.tie_word_embeddings and form == "safetensors":
        del state["lm_head.weight"]
    return state


def prompts_of(folder: Path, config: dict, seed: int, tokenizer: bool):
    if tokenizer:
        write_tokenizer(folder, config["vocab_size"] - 7)  # as OPT: 50265 tokens, 50272 rows
        tok = AutoTokenizer.from_pretrained(folder)
        return [tok(text)["input_ids"] for text in TEXTS], tok
    generator = torch.Generator().manual_seed(seed)
    ids = [torch.randint(4, config["vocab_size"], (length,), generator=generator).tolist() for length in PROMPT_LENGTHS]
    return ids, None


def is_good(expected: dict) -> bool:
    varied = all(len(set(prompt["ids"])) >= 8 for prompt in expected["prompts"])
    return varied and expected["smallestGap"] > 0.005 and expected["float32ShareOfBound"] < 0.25


def make(name: str) -> None:
    description, changes, options = CASES[name]
    config = {**BASE, **changes}
    folder = FIXTURES / name
    for seed in range(1, 200):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        model = random_model(config, seed)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        form = options.get("form", "safetensors")
        write_checkpoint(folder, file_state(model, **options), form, options.get("shards", 1))
        prompts, tok = prompts_of(folder, config, seed, options.get("tokenizer", False))
        expected = expect(folder, prompts)
        if is_good(expected):
            break
    else:
        raise SystemExit(f"{name}: no seed is good")
    texts = tok and [
        {"text": text, "newText": tok.decode(prompt["ids"], skip_special_tokens=True)}
        for text, prompt in zip(TEXTS, expected["prompts"])
    ]
    about = {
        "description": description,
        "seed": seed,
        "madeWith": {"torch": torch.__version__, "transformers": transformers.__version__},
        "vocabularySize": config["vocab_size"],
    }
    write(folder, expected, about, texts)
    for file in folder.iterdir():
        file.chmod(0o644)
    size = sum(file.stat().st_size for file in folder.iterdir())
    share, gap = expected["float32ShareOfBound"], expected["smallestGap"]
    print(f"{name}: seed {seed}, {size / 1000:.0f} kB, smallest gap {gap:.3f}, float32 uses {share:.3f} of the bound")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    transformers.utils.logging.disable_progress_bar()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    for case in CASES:
        make(case)
    total = sum(file.stat().st_size for file in FIXTURES.rglob("*") if file.is_file())
    print(f"all: {total / 1e6:.2f} MB")
