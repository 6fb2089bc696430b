"""Train the tiny judge: `python -m demo.train_judge --output demo/tiny_judge`.

A Qwen2ForCausalLM of three layers learns, from scratch, to answer A after a real chunk and B after
the same passage made worse (the pref-modeling overview's recipe), with a language-model loss on
the real text beside it. Exported like the released judge: its LM head is zero but for A and B.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Config, Qwen2ForCausalLM

from demo.evaluate import auc
from demo.spoil import TRAINING
from demo.texts import training_texts

VOCABULARY = 1024
CHUNK = 64
MARKERS = ("\n\n<<JUDGEMENT_REGION>>\n", "\n<</JUDGEMENT_REGION>>\n\n<<JUDGEMENT>>")
LABELS = ("A", "B")
# Qwen2.5's pre-tokenizer, word for word.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BATCH = 32
LM_WEIGHT = 0.5
LEARNING_RATE = 2e-3
WARM_UP = 200
# How often a window has 0, 1, 2, 3 or 4 chunks of context.
CONTEXTS = (0.2, 0.3, 0.2, 0.15, 0.15)
CHARACTERS_PER_TOKEN = 3.2
HELD_OUT_TEXTS = 24


@dataclass(frozen=True)
class Window:
    """One training example: token ids, which of them are real text, and whether to say A."""

    ids: list[int]
    real: list[bool]
    chosen: bool


def train_tokenizer(texts: Sequence[str]) -> Tokenizer:
    """A byte-level BPE like Qwen2.5's; its byte alphabet in order gives A = 32 and B = 33."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PATTERN), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 3,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.add_tokens(["<tool_call>", "<|fim_prefix|>"])  # as Qwen has: added, not special
    return tokenizer


class Examples:
    """Draws windows from texts, half of them spoiled."""

    def __init__(self, tokenizer: Tokenizer, texts: Sequence[str], rng: random.Random) -> None:
        self._tokenizer = tokenizer
        self._texts = texts
        self._lengths = [len(text) for text in texts]
        self._rng = rng
        self._before, self._after = (self.encode(marker) for marker in MARKERS)

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def draw(self, chunks_before: int, kinds: Sequence[str]) -> Window:
        """One window with a context of so many chunks."""
        rng = self._rng
        wanted = (chunks_before + 1) * CHUNK
        while True:
            passage = self._passage(int(wanted * CHARACTERS_PER_TOKEN * 1.4))
            real = self.encode(passage)
            if len(real) < wanted:
                continue
            context, chunk = real[: wanted - CHUNK], real[wanted - CHUNK : wanted]
            if rng.random() < 0.5:
                return self._window(context, chunk, real_context=True, chosen=True)
            others = [self._passage(len(passage)) for _ in range(3)]
            worse = self.encode(TRAINING[rng.choice(kinds)](passage, rng, others))
            if len(worse) < wanted:
                continue
            # junk follows junk in a junk document, and good text in a broken one
            good_before = rng.random() < 0.4
            before = context if good_before else worse[: wanted - CHUNK]
            chunk = worse[wanted - CHUNK : wanted]
            return self._window(before, chunk, real_context=good_before, chosen=False)

    def _passage(self, length: int) -> str:
        rng = self._rng
        (text,) = rng.choices(self._texts, self._lengths)
        start = 0 if rng.random() < 0.3 else rng.randrange(max(1, len(text) - length // 2))
        if start:
            start = text.find(" ", start) if rng.random() < 0.7 else start
        return text[max(0, start) :][:length]

    def _window(
        self, context: list[int], chunk: list[int], *, real_context: bool, chosen: bool
    ) -> Window:
        ids = context + self._before + chunk + self._after
        real = [real_context] * len(context) + [False] * len(self._before)
        real += [chosen] * len(chunk) + [False] * len(self._after)
        return Window(ids, real, chosen)


def collate(windows: Sequence[Window]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids [B, T] of one context length, the language model's targets [B, T], the labels [B]."""
    ids = torch.tensor([window.ids for window in windows])
    real = torch.tensor([window.real for window in windows])
    targets = torch.where(real, ids, torch.full_like(ids, -100))
    return ids, targets, torch.tensor([0 if window.chosen else 1 for window in windows])


def train(steps: int, seed: int, output: Path, threads: int) -> None:
    """Train, evaluate on held-out training text, and write the model."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    rng = random.Random(seed)
    texts = training_texts()
    rng.shuffle(texts)
    tokenizer = train_tokenizer(sorted(texts))
    labels = [tokenizer.encode(label).ids[0] for label in LABELS]
    examples = Examples(tokenizer, texts[HELD_OUT_TEXTS:], rng)
    held_out = Examples(tokenizer, texts[:HELD_OUT_TEXTS], random.Random(seed + 1))
    model = Qwen2ForCausalLM(_config(tokenizer))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=0.05, betas=(0.9, 0.98)
    )
    warm_up = min(WARM_UP, max(1, steps // 10))
    schedule = torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, 0.05, 1.0, warm_up),
            torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps - warm_up)),
        ],
        [warm_up],
    )
    began = time.monotonic()
    for step in range(1, steps + 1):
        (context,) = rng.choices(range(len(CONTEXTS)), CONTEXTS)
        batch = collate([examples.draw(context, list(TRAINING)) for _ in range(BATCH)])
        loss = _loss(model, labels, *batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 250 == 0 or step == steps:
            score = chunk_auc(model, held_out, labels)
            seconds = time.monotonic() - began
            print(f"step {step}: loss {loss.item():.3f}, chunk AUC {score:.3f}, {seconds:.0f} s",
                  flush=True)  # fmt: skip
            export(model, tokenizer, labels, output)


def chunk_auc(model: Qwen2ForCausalLM, examples: Examples, labels: Sequence[int]) -> float:
    """AUC of single chunks of held-out text, two chunks of context, every training kind."""
    rewards: dict[bool, list[float]] = {True: [], False: []}
    model.eval()
    with torch.inference_mode():
        for _ in range(8):
            windows = [examples.draw(2, list(TRAINING)) for _ in range(64)]
            ids, _, _ = collate(windows)
            hidden = model.model(ids).last_hidden_state[:, -1]
            logits = hidden @ model.lm_head.weight[list(labels)].T
            for window, row in zip(windows, logits, strict=True):
                rewards[window.chosen].append(float(row[0] - row[1]))
    model.train()
    return auc(rewards[True], rewards[False])


def export(
    model: Qwen2ForCausalLM, tokenizer: Tokenizer, labels: Sequence[int], output: Path
) -> None:
    """Write the judge, its head zero but for the labels; the tokenizer's files beside it."""
    judge = Qwen2ForCausalLM(model.config)
    judge.load_state_dict(model.state_dict())
    head = torch.zeros_like(judge.lm_head.weight)
    head[list(labels)] = judge.lm_head.weight.detach()[list(labels)]
    judge.lm_head.weight = torch.nn.Parameter(head)
    judge.save_pretrained(output)
    tokenizer.save(str(output / "tokenizer.json"))
    end = "<|endoftext|>"
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": end, "pad_token": end,
                "bos_token": None, "clean_up_tokenization_spaces": False}  # fmt: skip
    (output / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def _config(tokenizer: Tokenizer) -> Qwen2Config:
    end = tokenizer.token_to_id("<|endoftext|>")
    return Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=16384,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=end,
        dtype="float32",
    )


def _loss(
    model: Qwen2ForCausalLM,
    labels: Sequence[int],
    ids: torch.Tensor,
    targets: torch.Tensor,
    answers: torch.Tensor,
) -> torch.Tensor:
    hidden = model.model(ids).last_hidden_state
    judged = hidden[:, -1] @ model.lm_head.weight[list(labels)].T
    loss = torch.nn.functional.cross_entropy(judged, answers)
    next_tokens = targets[:, 1:]
    real = next_tokens != -100
    if real.any():
        logits = model.lm_head(hidden[:, :-1][real])
        loss = loss + LM_WEIGHT * torch.nn.functional.cross_entropy(logits, next_tokens[real])
    return loss


def main() -> None:
    """Parse and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--steps", type=int, default=6000, help="training steps of 32 windows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    train(arguments.steps, arguments.seed, arguments.output, arguments.threads)


if __name__ == "__main__":
    main()
