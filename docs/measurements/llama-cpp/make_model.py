"""Writes a random GPT-2 in float16 of the sizes of OPT-1.3B as GGUF: make_model.py FILE. Needs gguf (0.19) and numpy."""
import sys

import gguf
import numpy as np

layers, hidden, ffn, vocabulary, context = 24, 2048, 8192, 50272, 2048
random = np.random.default_rng(0)


def matrix(*shape):
    return (random.standard_normal(shape, dtype=np.float32) * 0.02).astype(np.float16)


def vector(size, value=0):
    return np.full(size, value, dtype=np.float32)


writer = gguf.GGUFWriter(sys.argv[1], "gpt2")
writer.add_context_length(context)
writer.add_embedding_length(hidden)
writer.add_feed_forward_length(ffn)
writer.add_block_count(layers)
writer.add_head_count(32)
writer.add_layer_norm_eps(1e-5)
writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("gpt-2")
writer.add_token_list([f"t{i}" for i in range(vocabulary)])
writer.add_token_types([1] * vocabulary)
writer.add_token_merges(["t 0"])
writer.add_bos_token_id(0)
writer.add_eos_token_id(1)

writer.add_tensor("token_embd.weight", matrix(vocabulary, hidden))
writer.add_tensor("position_embd.weight", matrix(context, hidden).astype(np.float32))
writer.add_tensor("output_norm.weight", vector(hidden, 1))
writer.add_tensor("output_norm.bias", vector(hidden))
writer.add_tensor("output.weight", matrix(vocabulary, hidden))
for i in range(layers):
    for norm in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.{i}.{norm}.weight", vector(hidden, 1))
        writer.add_tensor(f"blk.{i}.{norm}.bias", vector(hidden))
    for name, out, width in (
        ("attn_qkv", 3 * hidden, hidden),
        ("attn_output", hidden, hidden),
        ("ffn_up", ffn, hidden),
        ("ffn_down", hidden, ffn),
    ):
        writer.add_tensor(f"blk.{i}.{name}.weight", matrix(out, width))
        writer.add_tensor(f"blk.{i}.{name}.bias", vector(out))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
