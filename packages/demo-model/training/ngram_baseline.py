"""Held-out perplexity per token of an interpolated Kneser-Ney n-gram: the figure that the model has to beat.

    python ngram_baseline.py --tokens WORK/tokens.npz --model MODEL

Same ids, same documents, same convention as evaluate.py: every token of a held-out document is predicted once, the
leading </s> is context and never predicted, and no context reaches over the start of a document.
"""

import argparse
from pathlib import Path

import numpy as np

from kneser_ney import KneserNey
from tokens import BOS, SPECIAL_TOKENS, TokenizedDocument, load_tokens


def with_bos(document: TokenizedDocument) -> np.ndarray:
    return np.concatenate([[BOS], document.ids])


def check_sums_to_one(model: KneserNey, document: np.ndarray, vocabulary: np.ndarray) -> None:
    """The probabilities of all ids after one and the same context must sum to one."""
    for end in (1, 2, 3, 5, 50, 500):
        total = sum(model.probabilities(np.append(document[:end], token))[-1] for token in vocabulary)
        if abs(total - 1) > 1e-9:
            raise SystemExit(f"the probabilities after {end} tokens sum to {total}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="the folder with tokenizer.json")
    parser.add_argument("--order", type=int, default=5, choices=range(1, 6))
    options = parser.parse_args()

    documents = load_tokens(options.tokens, options.model / "tokenizer.json")
    training = [with_bos(d) for d in documents if not d.held_out]
    held_out = [d for d in documents if d.held_out]
    text_ids = np.arange(len(SPECIAL_TOKENS), 4096)
    for name, modified in (("one discount an order", False), ("modified, three discounts an order", True)):
        model = KneserNey(training, options.order, len(text_ids), BOS, modified)
        check_sums_to_one(model, with_bos(held_out[0]), text_ids)
        losses = [-np.log(model.probabilities(with_bos(d))) for d in held_out]
        print(f"interpolated Kneser-Ney {options.order}-gram ({name}):")
        for corpus in (None, "sotu", "moby-dick"):
            part = np.concatenate([x for x, d in zip(losses, held_out, strict=True) if corpus in (None, d.corpus)])
            print(f"  {corpus or 'all'}: {len(part)} tokens, perplexity {np.exp(part.mean()):.3f}")


if __name__ == "__main__":
    main()
