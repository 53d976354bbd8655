"""Continues prompts with the stored checkpoint, greedily and by sampling.

    python sample.py --model MODEL --prompt "Call me Ishmael."
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoTokenizer, OPTForCausalLM


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--prompt", action="append", required=True)
    parser.add_argument("--max-new-tokens", type=int, default=80)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = OPTForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    sampled = {"do_sample": True, "temperature": options.temperature, "top_k": options.top_k, "top_p": 1.0}
    for prompt in options.prompt:
        inputs = tokenizer(prompt, return_tensors="pt")
        for label, settings in (("greedy", {"do_sample": False}), ("sampled", sampled)):
            torch.manual_seed(options.seed)
            ids = model.generate(**inputs, max_new_tokens=options.max_new_tokens, **settings)
            print(f"[{label}] {tokenizer.decode(ids[0], skip_special_tokens=True)}\n")


if __name__ == "__main__":
    main()
