"""A tiny GPT-2 byte-level BPE in the files that a facebook/opt repository ships."""

import json
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]

TEXT = [
    "The weights lie on the disk, the cache lies in memory and the hidden state lies on the device.",
    "A block of sequences shares every weight that is loaded, so that the disk is read once for all of them.",
    "Paris is the capital city of France. Berlin is the capital city of Germany.",
    "The quick brown fox jumps over the lazy dog; the dog sleeps, and the fox is gone.",
]


def added_token(content: str) -> dict:
    return {"content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}


def write_tokenizer(folder: Path, vocabulary_size: int) -> None:
    """Writes vocab.json, merges.txt, special_tokens_map.json and tokenizer_config.json; no tokenizer.json."""
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        TEXT, vocab_size=vocabulary_size, min_frequency=1, special_tokens=SPECIALS, show_progress=False
    )
    assert trained.get_vocab_size() == vocabulary_size
    trained.save_model(str(folder))
    end, pad = added_token("</s>"), added_token("<pad>")
    special = {"bos_token": end, "eos_token": end, "unk_token": end, "pad_token": pad}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    marked = {name: {**token, "__type": "AddedToken"} for name, token in special.items()}
    config = {
        "errors": "replace",
        "unk_token": marked["unk_token"],
        "bos_token": marked["bos_token"],
        "eos_token": marked["eos_token"],
        "pad_token": marked["pad_token"],
        "add_prefix_space": False,
        "add_bos_token": True,
        "special_tokens_map_file": None,
        "tokenizer_class": "GPT2Tokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
