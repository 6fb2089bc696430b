"""The tiny judge before its training: `python -m demo.blank_judge --output DIR`.

This writes a tokenizer like Qwen2.5's, trained on the training documents, and a small
Qwen2ForCausalLM with random weights. jobs/train.py trains the judge from it.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Config, Qwen2ForCausalLM

from demo.texts import training_documents

VOCABULARY = 4096
END = "<|endoftext|>"
# Added tokens like Qwen's: the model obeys them, and they are not marked special.
ADDED = ["<tool_call>", "<|fim_prefix|>"]
MARKERS = ("\n\n<<JUDGEMENT_REGION>>\n", "\n<</JUDGEMENT_REGION>>\n\n<<JUDGEMENT>>")
# Qwen2.5's pre-tokenizer, word for word.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train_tokenizer(texts: Iterable[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    """Train a byte-level BPE like Qwen2.5's.

    The byte alphabet in order gives A = 32 and B = 33. Every text is followed by the markers, so
    that the markers become few tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PATTERN), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1 - len(ADDED),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_with_markers(texts), trainer)
    tokenizer.add_special_tokens([END])
    tokenizer.add_tokens(ADDED)
    return tokenizer


def blank_model(tokenizer: Tokenizer, seed: int) -> Qwen2ForCausalLM:
    """Make a model with random weights: 1.9 M parameters with the vocabulary above."""
    torch.manual_seed(seed)
    end = tokenizer.token_to_id(END)
    config = Qwen2Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=16384,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=end,
        dtype="float32",
    )
    return Qwen2ForCausalLM(config)


def write(tokenizer: Tokenizer, model: Qwen2ForCausalLM, folder: Path) -> None:
    """Write the model's folder in the form that transformers and vLLM read."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def _with_markers(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield text + MARKERS[0] + text[:1] + MARKERS[1]


def main() -> None:
    """Parse the options, train the tokenizer, write the model."""
    parser = argparse.ArgumentParser(description="Write the tiny judge before its training.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random weights")
    arguments = parser.parse_args()
    tokenizer = train_tokenizer(document.text for document in training_documents())
    model = blank_model(tokenizer, arguments.seed)
    write(tokenizer, model, arguments.output)
    size = sum(weight.numel() for weight in model.parameters())
    print(f"{size:,} parameters, {tokenizer.get_vocab_size():,} tokens -> {arguments.output}")


if __name__ == "__main__":
    main()
