"""Writes the checkpoint in the layout of a Hugging Face OPT repository."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import OPTConfig, OPTForCausalLM, __version__

from files import write_json


def save_checkpoint(model: OPTForCausalLM, folder: Path) -> None:
    """float16 weights, the tied head left out; config.json with the fields that facebook/opt ships."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", config_fields(model.config))
    ids = {"bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1}
    write_json(folder / "generation_config.json", {"_from_model_config": True, **ids, "transformers_version": __version__})


def config_fields(config: OPTConfig) -> dict[str, object]:
    return {
        "activation_dropout": 0.0,
        "activation_function": config.activation_function,
        "architectures": ["OPTForCausalLM"],
        "attention_dropout": config.attention_dropout,
        "bos_token_id": config.bos_token_id,
        "do_layer_norm_before": config.do_layer_norm_before,
        "dropout": config.dropout,
        "enable_bias": config.enable_bias,
        "eos_token_id": config.eos_token_id,
        "ffn_dim": config.ffn_dim,
        "hidden_size": config.hidden_size,
        "init_std": config.init_std,
        "layer_norm_elementwise_affine": config.layer_norm_elementwise_affine,
        "layerdrop": config.layerdrop,
        "max_position_embeddings": config.max_position_embeddings,
        "model_type": "opt",
        "num_attention_heads": config.num_attention_heads,
        "num_hidden_layers": config.num_hidden_layers,
        "pad_token_id": config.pad_token_id,
        "prefix": "</s>",
        "tie_word_embeddings": config.tie_word_embeddings,
        "torch_dtype": "float16",
        "transformers_version": __version__,
        "use_cache": True,
        "vocab_size": config.vocab_size,
        "word_embed_proj_dim": config.word_embed_proj_dim,
    }
