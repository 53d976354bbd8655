"""Held-out loss of a causal model by a sliding window."""

import numpy as np
import torch
from transformers import OPTForCausalLM

from tokens import BOS, TokenizedDocument

PAD = 1


def windows(ids: np.ndarray, length: int, stride: int) -> list[tuple[np.ndarray, int]]:
    """Windows of at most `length` ids, </s> and then text, each with the number of its last ids that it scores.

    The first scores all its text, the others the last `stride` ids or what is left, so that every id is scored
    exactly once and from at least length - stride - 1 ids of context, or from all that the document has.
    """
    result = []
    scored = 0
    while scored < len(ids):
        end = min(len(ids), length - 1 if scored == 0 else scored + stride)
        begin = max(0, end - (length - 1))
        result.append((np.concatenate([[BOS], ids[begin:end]]), end - scored))
        scored = end
    return result


@torch.no_grad()
def token_losses(model: OPTForCausalLM, document: TokenizedDocument, stride: int, batch: int) -> np.ndarray:
    """Minus log probability of every id of the document, in float32; </s> before the text is never scored."""
    length = model.config.max_position_embeddings
    parts = windows(document.ids, length, stride)
    losses = []
    for start in range(0, len(parts), batch):
        rows = parts[start : start + batch]
        ids = torch.full((len(rows), max(len(window) for window, _ in rows)), PAD)
        for row, (window, _) in enumerate(rows):
            ids[row, : len(window)] = torch.from_numpy(window)
        ids = ids.to(model.device)
        # Padding is on the right, where a causal model cannot see it; positions count from zero in every row.
        log_probabilities = torch.log_softmax(model(ids).logits[:, :-1].float(), dim=-1)
        scores = -log_probabilities.gather(-1, ids[:, 1:, None]).squeeze(-1).cpu().numpy()
        for row, (window, count) in enumerate(rows):
            losses.append(scores[row, len(window) - 1 - count : len(window) - 1])
    return np.concatenate(losses)


def perplexities(
    model: OPTForCausalLM, documents: list[TokenizedDocument], stride: int = 512, batch: int = 16
) -> dict[str, tuple[int, float]]:
    """Number of scored ids and perplexity per id, over all documents and for each corpus."""
    model.eval()
    losses = [(document.corpus, token_losses(model, document, stride, batch)) for document in documents]
    result = {}
    for corpus in ("all", "sotu", "moby-dick"):
        part = np.concatenate([loss for name, loss in losses if corpus in ("all", name)])
        result[corpus] = (len(part), float(np.exp(part.mean(dtype=np.float64))))
    return result
