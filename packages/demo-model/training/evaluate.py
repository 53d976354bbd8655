"""Held-out perplexity per token of the stored float16 checkpoint, computed in float32.

    python evaluate.py --tokens WORK/tokens.npz --model MODEL
"""

import argparse
from pathlib import Path

import torch
from transformers import OPTForCausalLM

from perplexity import perplexities
from tokens import load_tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="the checkpoint's folder")
    parser.add_argument("--stride", type=int, default=512)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()

    documents = load_tokens(options.tokens, options.model / "tokenizer.json")
    model = OPTForCausalLM.from_pretrained(options.model, dtype=torch.float32).to(options.device)
    held_out = [document for document in documents if document.held_out]
    for corpus, (count, perplexity) in perplexities(model, held_out, options.stride).items():
        print(f"{corpus}: {count} tokens, perplexity {perplexity:.3f}")


if __name__ == "__main__":
    main()
