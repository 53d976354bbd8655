"""Trains the demo model and writes it as a float16 checkpoint.

    python train.py --tokens WORK/tokens.npz --model MODEL

MODEL is the folder into which prepare_data.py wrote the tokenizer. The defaults are what the committed model was
trained with. Runs on a CUDA device or, far more slowly, on the CPU. Held-out documents are never looked at.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from transformers import OPTConfig, OPTForCausalLM

from checkpoint import save_checkpoint
from tokens import BOS, TokenizedDocument, load_tokens


def create_model(dropout: float) -> OPTForCausalLM:
    return OPTForCausalLM(
        OPTConfig(
            vocab_size=4096,
            hidden_size=256,
            num_hidden_layers=6,
            num_attention_heads=8,
            ffn_dim=1024,
            max_position_embeddings=1024,
            dropout=dropout,
        )
    )


def logits(model: OPTForCausalLM, ids: torch.Tensor) -> torch.Tensor:
    """The model's own layers without the mask that its forward pass would build: attention is causal anyway.

    The only difference in training is dropout on the embeddings, which OPT does not have.
    """
    decoder = model.model.decoder
    positions = torch.arange(ids.shape[1], device=ids.device)[None]
    hidden = decoder.embed_tokens(ids) + decoder.embed_positions(None, position_ids=positions)
    hidden = F.dropout(hidden, model.config.dropout, model.training)
    for layer in decoder.layers:
        hidden = layer(hidden, attention_mask=None)
    return model.lm_head(decoder.final_layer_norm(hidden))


def batch_loss(model: OPTForCausalLM, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits(model, ids).float().flatten(0, 1), targets.flatten(), ignore_index=-100)


class Batches:
    """Random windows of the training stream: </s> document </s> document ... </s>.

    The first id of a window becomes </s>, since every prompt starts with it; where that hides a cut in the text, the
    next id is not learned from. One window in ten starts at the start of a document.
    """

    def __init__(self, documents: list[TokenizedDocument], rows: int, length: int, seed: int, device: str) -> None:
        stream = np.concatenate([part for d in documents for part in ([BOS], d.ids)] + [[BOS]])
        self.stream = torch.from_numpy(stream.astype(np.int64)).to(device)
        starts = np.flatnonzero(stream == BOS)
        self.last = len(stream) - length - 1
        self.document_starts = torch.from_numpy(starts[starts <= self.last])
        self.rows = rows
        self.offsets = torch.arange(length + 1, device=device)
        self.generator = torch.Generator().manual_seed(seed)

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and targets, both [rows, length]."""
        anywhere = torch.randint(0, self.last + 1, (self.rows,), generator=self.generator)
        choice = torch.randint(0, len(self.document_starts), (self.rows,), generator=self.generator)
        at_start = torch.rand(self.rows, generator=self.generator) < 0.1
        begin = torch.where(at_start, self.document_starts[choice], anywhere).to(self.stream.device)
        window = self.stream[begin[:, None] + self.offsets]
        ids, targets = window[:, :-1].clone(), window[:, 1:].clone()
        targets[ids[:, 0] != BOS, 0] = -100
        ids[:, 0] = BOS
        return ids, targets


def create_optimizer(model: OPTForCausalLM, rate: float, weight_decay: float, fused: bool) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=fused)


def rate_share(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then a cosine down to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def train(model: OPTForCausalLM, batches: Batches, options: argparse.Namespace) -> None:
    on_cuda = options.device.startswith("cuda")
    optimizer = create_optimizer(model, options.rate, options.weight_decay, fused=on_cuda)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: rate_share(i, options.steps, options.warmup))
    step_loss = torch.compile(batch_loss) if options.compile else batch_loss
    model.train()
    began = time.monotonic()
    for step in range(1, options.steps + 1):
        ids, targets = batches.next()
        with torch.autocast("cuda", torch.bfloat16, enabled=on_cuda):
            loss = step_loss(model, ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % options.log_every == 0 or step == options.steps:
            print(f"step {step}: loss {loss.item():.4f}, {time.monotonic() - began:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--rows", type=int, default=32, help="windows a step")
    parser.add_argument("--length", type=int, default=1024, help="ids a window")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--warmup", type=int, default=200, help="steps")
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="torch.compile: faster on CUDA, slower to start")
    parser.add_argument("--log-every", type=int, default=500)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")
    documents = load_tokens(options.tokens, options.model / "tokenizer.json")
    training = [d for d in documents if not d.held_out]
    model = create_model(options.dropout).to(options.device)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, torch {torch.__version__}, {vars(options)}")
    train(model, Batches(training, options.rows, options.length, options.seed, options.device), options)
    save_checkpoint(model, options.model)


if __name__ == "__main__":
    main()
