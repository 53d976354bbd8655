"""The documents that the demo model is made from, and which of them are held out."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_EVERY = 20
"""Every twentieth document is never trained on, by the tokenizer as little as by the model."""


@dataclass(frozen=True)
class Document:
    corpus: str
    name: str
    text: str
    held_out: bool


def clean(text: str) -> str:
    """Drops control characters, runs of spaces and spaces at either end; paragraphs stay."""
    text = re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", "", text)
    return re.sub(r" {2,}", " ", text).strip()


def document_files(node_modules: Path) -> list[tuple[str, Path]]:
    """One address is one document, and so is one chapter; the book's table of contents is left out."""
    sotu = node_modules / "@stdlib" / "datasets-sotu" / "data"
    moby = node_modules / "@stdlib" / "datasets-moby-dick" / "data"
    chapters = [name for name in json.loads((moby / "file_list.json").read_text()) if name != "contents.txt"]
    return [("sotu", path) for path in sorted(sotu.glob("*.txt"))] + [("moby-dick", moby / name) for name in chapters]


def load_documents(node_modules: Path) -> list[Document]:
    files = document_files(node_modules)
    return [
        Document(corpus, path.stem, clean(path.read_text(encoding="utf-8")), i % HELD_OUT_EVERY == HELD_OUT_EVERY - 1)
        for i, (corpus, path) in enumerate(files)
    ]


def digest(documents: list[Document]) -> str:
    """One SHA-256 over all texts in order, so that a card can say which data it speaks of."""
    total = hashlib.sha256()
    for document in documents:
        total.update(document.text.encode("utf-8") + b"\0")
    return total.hexdigest()
