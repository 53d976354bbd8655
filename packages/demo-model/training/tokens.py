"""The token file that prepare_data.py writes and all other scripts read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from files import file_sha256

BOS = 2
"""</s> starts every document, as in OPT."""

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>"]
"""Ids 0 to 3, as in OPT."""


@dataclass(frozen=True)
class TokenizedDocument:
    corpus: str
    name: str
    held_out: bool
    ids: np.ndarray
    """The text's ids, without the leading </s>."""


def save_tokens(path: Path, documents: list[TokenizedDocument], tokenizer_json: Path) -> None:
    np.savez(
        path,
        ids=np.concatenate([document.ids for document in documents]).astype(np.uint16),
        lengths=np.array([len(document.ids) for document in documents]),
        corpus=np.array([document.corpus for document in documents]),
        names=np.array([document.name for document in documents]),
        held_out=np.array([document.held_out for document in documents]),
        tokenizer_sha256=np.array(file_sha256(tokenizer_json)),
    )


def load_tokens(path: Path, tokenizer_json: Path) -> list[TokenizedDocument]:
    """Refuses a token file that was made with another tokenizer than the one given."""
    with np.load(path) as stored:
        if str(stored["tokenizer_sha256"]) != file_sha256(tokenizer_json):
            raise SystemExit(f"{path} was made with another tokenizer than {tokenizer_json}: run prepare_data.py again")
        texts = np.split(stored["ids"].astype(np.int64), np.cumsum(stored["lengths"])[:-1])
        rows = zip(stored["corpus"], stored["names"], stored["held_out"], texts, strict=True)
        return [TokenizedDocument(str(corpus), str(name), bool(held), ids) for corpus, name, held, ids in rows]
