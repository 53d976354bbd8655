"""Writes a state dict in the forms in which OPT checkpoints come."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

INDEX = {"safetensors": "model.safetensors.index.json", "bin": "pytorch_model.bin.index.json"}


def write_checkpoint(folder: Path, state: dict, form: str, shards: int = 1) -> None:
    """`form` is `safetensors` or `bin`; more than one shard gives an index file, too."""
    if shards == 1:
        write_file(folder / ("model.safetensors" if form == "safetensors" else "pytorch_model.bin"), state, form)
        return
    stem = "model" if form == "safetensors" else "pytorch_model"
    names = list(state)
    bounds = [round(len(names) * i / shards) for i in range(shards + 1)]
    weight_map, total = {}, 0
    for i in range(shards):
        part = {name: state[name] for name in names[bounds[i] : bounds[i + 1]]}
        file = f"{stem}-{i + 1:05d}-of-{shards:05d}.{form}"
        write_file(folder / file, part, form)
        weight_map.update({name: file for name in part})
        total += sum(tensor.numel() * tensor.element_size() for tensor in part.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / INDEX[form]).write_text(json.dumps(index, indent=1))


def write_file(path: Path, state: dict, form: str) -> None:
    if form == "safetensors":
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, str(path), metadata={"format": "pt"})
    else:
        torch.save(state, str(path))
