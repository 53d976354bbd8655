"""Runs FlexLLMGen's flex_opt from a checkout as it is, without network and without the package transformers.

    python3 run-flexllmgen.py CHECKOUT FLAGS_OF_FLEX_OPT

With made-up weights (--path _DUMMY_) the tokenizer is all that it would download: here prompts are random ids instead, as
those of flexgen bench are, and nothing is decoded. What it measures is untouched.
"""

import argparse
import random
import sys
import types


class NoTokenizer:
    """What flex_opt asks of a tokenizer where no text is shown."""

    pad_token_id = 1

    @classmethod
    def from_pretrained(cls, *_args, **_options):
        return cls()

    def batch_decode(self, ids, **_options):
        return [str(list(row[-8:])) for row in ids]


def random_inputs(prompt_len, num_prompts, _tokenizer):
    draw = random.Random(0)
    return tuple([draw.randrange(4, 50000) for _ in range(prompt_len)] for _ in range(num_prompts))


def main():
    sys.path.insert(0, sys.argv.pop(1))
    transformers = types.ModuleType("transformers")
    transformers.AutoTokenizer = NoTokenizer
    sys.modules["transformers"] = transformers
    from flexllmgen import flex_opt

    flex_opt.get_test_inputs = random_inputs
    parser = argparse.ArgumentParser()
    flex_opt.add_parser_arguments(parser)
    flex_opt.run_flexllmgen(parser.parse_args())


if __name__ == "__main__":
    main()
