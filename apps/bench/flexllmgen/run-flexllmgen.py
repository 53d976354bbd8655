"""Runs FlexLLMGen's flex_opt from a checkout as it is, without network and without the package transformers.

    python3 run-flexllmgen.py CHECKOUT [--weights normal|ones] FLAGS_OF_FLEX_OPT

With made-up weights (--path _DUMMY_) the tokenizer is all that it would download: here prompts are random ids instead, as
those of flexgen bench are, and nothing is decoded. FlexLLMGen makes up weights of ones, which a GPU at its power limit
multiplies faster than any model's; here they are those of flexgen bench, normal values of deviation 0.02, unless ones are
asked for. What it measures is untouched.
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


class NormalWeights:
    """numpy as flex_opt sees it, but for `ones`, which it fills made-up weights with: these are normal values instead.

    A tile of them is drawn once and repeated, from another place each time; its odd length keeps rows from being alike.
    """

    deviation = 0.02
    # 4 bits as FlexLLMGen unpacks them, level / scale + minimum, for levels of which a deviation is 3.2.
    scale = 160
    minimum = -7.5 / scale

    def __init__(self, np):
        self.np = np
        self.draw = np.random.default_rng(0)
        values = self.draw.normal(0, self.deviation, 2**20 + 1)
        levels = np.clip(np.rint((values - self.minimum) * self.scale), 0, 15).astype(np.uint8)
        self.tiles = {np.float16: values.astype(np.float16), np.uint8: levels << 4 | np.roll(levels, 1)}
        self.vectors = iter(())

    def __getattr__(self, name):
        return getattr(self.np, name)

    def expect(self, weight_specs):
        """Takes the (shape, dtype, name) of the weights that come next: of vectors it matters which they are."""
        self.vectors = iter([name for shape, _, name in weight_specs if len(shape) == 1])

    def ones(self, shape, dtype):
        if len(shape) == 1 and next(self.vectors).endswith("layer_norm.weight"):
            return self.np.ones(shape, dtype)
        if len(shape) == 3:
            # Scale and minimum of every group of rows.
            pair = self.np.array([self.scale, self.minimum], dtype).reshape(1, 2, 1)
            return self.np.ascontiguousarray(self.np.broadcast_to(pair, shape))
        tile = self.tiles[dtype]
        return self.np.resize(self.np.roll(tile, self.draw.integers(tile.size)), shape)


def make_normal(flex_opt):
    """Has flex_opt make up normal weights."""
    normal = NormalWeights(flex_opt.np)
    init_weight_list = flex_opt.init_weight_list

    def init_named(weight_specs, *rest):
        normal.expect(weight_specs)
        return init_weight_list(weight_specs, *rest)

    flex_opt.np = normal
    flex_opt.init_weight_list = init_named


def main():
    sys.path.insert(0, sys.argv.pop(1))
    transformers = types.ModuleType("transformers")
    transformers.AutoTokenizer = NoTokenizer
    sys.modules["transformers"] = transformers
    from flexllmgen import flex_opt

    flex_opt.get_test_inputs = random_inputs
    parser = argparse.ArgumentParser()
    flex_opt.add_parser_arguments(parser)
    parser.add_argument("--weights", choices=["normal", "ones"], default="normal")
    args = parser.parse_args()
    if args.weights == "normal":
        make_normal(flex_opt)
    flex_opt.run_flexllmgen(args)


if __name__ == "__main__":
    main()
