"""Interpolated Kneser-Ney language model over token ids (Chen and Goodman 1998), in NumPy.

An n-gram is packed into one 64-bit key, 12 bits a token, so that counting is sorting. Every document starts with
</s>. Orders below the highest use continuation counts; n-grams that start with </s> have nothing to their left and
keep their plain counts, as in SRILM and KenLM. The last fallback is uniform over the ids that text can contain.
"""

from dataclasses import dataclass

import numpy as np

BITS = 12


@dataclass(frozen=True)
class Order:
    """One order's n-grams and their contexts, each sorted by key."""

    keys: np.ndarray
    discounted: np.ndarray
    """Count less its discount, over the total of the context."""
    contexts: np.ndarray
    backoff: np.ndarray
    """The share of probability that a context leaves to the next lower order."""


def pack(document: np.ndarray, order: int) -> np.ndarray:
    """Keys of all n-grams of a document, first to last; none where it is shorter than the order."""
    count = max(len(document) - order + 1, 0)
    keys = np.zeros(count, dtype=np.uint64)
    for i in range(order):
        keys = (keys << np.uint64(BITS)) | document[i : i + count].astype(np.uint64)
    return keys


def counts_of_order(documents: list[np.ndarray], order: int, highest: int, bos: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted keys and their (continuation) counts; a lone </s> is only ever context and is not counted."""
    keys, counts = np.unique(np.concatenate([pack(d, order) for d in documents]), return_counts=True)
    if order < highest:
        longer = np.unique(np.concatenate([pack(d, order + 1) for d in documents]))
        suffixes, types = np.unique(longer & np.uint64((1 << (BITS * order)) - 1), return_counts=True)
        starts_document = (keys >> np.uint64(BITS * (order - 1))) == bos
        counts = np.where(starts_document, counts, 0)
        counts[np.searchsorted(keys, suffixes)] += types
    if order == 1:
        text = keys != bos
        keys, counts = keys[text], counts[text]
    return keys, counts


def discounts(counts: np.ndarray, modified: bool) -> np.ndarray:
    """Discounts for counts 0, 1, 2 and 3 or more, from the counts of counts."""
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == i)) for i in (1, 2, 3, 4))
    if not (n1 and n2):
        return np.array([0.0, 0.5, 0.5, 0.5])
    y = n1 / (n1 + 2 * n2)
    plain = np.array([0.0, y, y, y])
    if not (modified and n3 and n4):
        return plain
    exact = np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return exact if (exact[1:] > 0).all() and (exact <= np.arange(4)).all() else plain


def build_order(keys: np.ndarray, counts: np.ndarray, modified: bool) -> Order:
    taken = discounts(counts, modified)[np.minimum(counts, 3)]
    contexts, first = np.unique(keys >> np.uint64(BITS), return_index=True)
    totals = np.add.reduceat(counts, first)
    backoff = np.add.reduceat(taken, first) / totals
    sizes = np.diff(np.append(first, len(keys)))
    return Order(keys, (counts - taken) / np.repeat(totals, sizes), contexts, backoff)


def lookup(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray, missing: float) -> np.ndarray:
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], missing)


class KneserNey:
    """`documents` are id arrays that start with `bos`; `vocabulary` counts the ids that text can contain."""

    def __init__(self, documents: list[np.ndarray], order: int, vocabulary: int, bos: int, modified: bool) -> None:
        self.vocabulary = vocabulary
        self.orders = [build_order(*counts_of_order(documents, n, order, bos), modified) for n in range(1, order + 1)]

    def probabilities(self, document: np.ndarray) -> np.ndarray:
        """Probability of every token after the leading </s>, each from as much context as there is."""
        result = np.full(len(document) - 1, 1 / self.vocabulary)
        for n, order in enumerate(self.orders, start=1):
            keys = pack(document[1:] if n == 1 else document, n)
            own = lookup(order.keys, order.discounted, keys, 0.0)
            backoff = lookup(order.contexts, order.backoff, keys >> np.uint64(BITS), 1.0)
            tail = slice(max(n - 2, 0), None)
            result[tail] = own + backoff * result[tail]
        return result
