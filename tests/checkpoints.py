"""Tiny checkpoints with the shapes, names and interfaces of the published ones; random weights."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    LlamaModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForSequenceClassification,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3ForSequenceClassification,
)

from rm_ray.judges.plain import plain_tokenizer
from tests.conftest import TINY_JUDGE

VOCABULARY = 1040
# Written for these tests, in the manner of Llama 3.1's and Qwen 3's.
LLAMA_TEMPLATE = (
    "{{- bos_token + '<|start_header_id|>system<|end_header_id|>\\n\\nToday Date: ' + "
    "(date_string if date_string is defined else strftime_now('%d %b %Y')) + '\\n\\n<|eot_id|>' }}"
    "{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
)
QWEN_TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>\\n' }}{%- endfor %}"
)
LLAMA_TOKENS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
QWEN_TOKENS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>")
LLAMA = {
    "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 1024,
    "head_dim": 32, "tie_word_embeddings": False,
}  # fmt: skip


def byte_level(folder: Path, tokens: tuple[str, ...] = (), template: str | None = None) -> None:
    """A byte-level tokenizer, as GPT-2's, Llama 3's and Qwen's are, with these special tokens."""
    plain = plain_tokenizer((TINY_JUDGE / "tokenizer.json").read_text())
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(plain))
    tokenizer.add_special_tokens({"additional_special_tokens": list(tokens)})
    if tokens:
        tokenizer.bos_token, tokenizer.pad_token = tokens[0], tokens[-1]
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


def word_pieces(folder: Path) -> None:
    """A WordPiece tokenizer, as BERT's is."""
    letters = [chr(code) for code in range(33, 127)]
    words = ["the", "of", "and", "capital", "what", "is", "in", "that", "for", "it", "was"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    pieces += [f"##{letter}" for letter in letters] + words
    model = models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]",
    ).save_pretrained(folder)  # fmt: skip


PIECES = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
PIECES += [*map(chr, range(33, 127)), "▁A", "▁B", "▁t", "he", "▁the"]
BEFORE_TEXTS = {
    "prepend": (normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
                None),
    "always": (None, pre_tokenizers.Metaspace(prepend_scheme="always", split=False)),
    "first": (None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False)),
}  # fmt: skip


def sentence_pieces(
    folder: Path, kind: str, tokens: tuple[str, ...] = (), template: str | None = None
) -> None:
    """A tokenizer that puts a space before texts, in one of the ways that Llama 2's and Mistral's
    have had, and a BOS before them.
    """
    merges = [("▁", "A"), ("▁", "B"), ("▁", "t"), ("h", "e"), ("▁t", "he")]
    vocabulary = {piece: i for i, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.BPE(
        vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True
    ))  # fmt: skip
    normalizer, pre_tokenizer = BEFORE_TEXTS[kind]
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
        decoders.Strip(" ", 1, 0),
    ])  # fmt: skip
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    special = [*PIECES[:3], *tokens]
    tokenizer.add_special_tokens([AddedToken(one, special=True, normalized=False)
                                  for one in special])  # fmt: skip
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    fast.chat_template = template
    fast.save_pretrained(folder)


def seeded(model_class, config):
    """Weights large enough that answers differ: as initialised, all logits are about zero."""
    torch.manual_seed(0)
    model = model_class(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3.0)
    return model


def gpt2(folder: Path, labels: int = 2) -> None:
    """As ChaiML's: GPT-2's tokenizer, padding and end of text are one token."""
    byte_level(folder, ("<|endoftext|>",))
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=256, n_embd=64, n_layer=2, n_head=2, num_labels=labels,
        pad_token_id=1021, bos_token_id=1021, eos_token_id=1021,
    )  # fmt: skip
    seeded(GPT2ForSequenceClassification, config).save_pretrained(folder)


def bert(folder: Path, labels: int = 1, **more: object) -> None:
    """As fineweb-edu-classifier and later RewardModels."""
    word_pieces(folder)
    config = BertConfig(
        vocab_size=300, hidden_size=64, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=128, max_position_embeddings=128, num_labels=labels, pad_token_id=0,
        **more,
    )  # fmt: skip
    seeded(BertForSequenceClassification, config).save_pretrained(folder)


def llama(folder: Path, labels: int = 1) -> None:
    """As Skywork-Reward-Llama-3.1."""
    byte_level(folder, LLAMA_TOKENS, LLAMA_TEMPLATE)
    config = LlamaConfig(**LLAMA, num_labels=labels, pad_token_id=1024)
    seeded(LlamaForSequenceClassification, config).save_pretrained(folder)


def qwen2(folder: Path, labels: int = 1) -> None:
    """A Qwen2 classifier."""
    byte_level(folder, QWEN_TOKENS, QWEN_TEMPLATE)
    shape = {key: value for key, value in LLAMA.items() if key != "head_dim"}
    config = Qwen2Config(**shape, num_labels=labels, pad_token_id=1025)
    seeded(Qwen2ForSequenceClassification, config).save_pretrained(folder)


def qwen3(folder: Path, labels: int = 1) -> None:
    """As Skywork-Reward-V2-Qwen3."""
    byte_level(folder, QWEN_TOKENS, QWEN_TEMPLATE)
    config = Qwen3Config(**LLAMA, num_labels=labels, pad_token_id=1025)
    seeded(Qwen3ForSequenceClassification, config).save_pretrained(folder)


def reranker(folder: Path) -> None:
    """As Qwen3-Reranker: a language model that says yes or no."""
    byte_level(folder, QWEN_TOKENS, QWEN_TEMPLATE)
    config = Qwen3Config(**LLAMA | {"max_position_embeddings": 32768})
    seeded(Qwen3ForCausalLM, config).save_pretrained(folder)


QUANTILE = {
    "num_objectives": 19, "num_quantiles": 19, "gating_temperature": 10, "gating_hidden_dim": 32,
    "gating_n_hidden": 3,
}  # fmt: skip


def quantile(folder: Path, **more: object) -> None:
    """As QRM-Llama3.1: the published parameters' names, batch norms with a past."""
    byte_level(folder, LLAMA_TOKENS, LLAMA_TEMPLATE)
    sizes = QUANTILE | more
    model = seeded(LlamaModel, LlamaConfig(**LLAMA))
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    hidden, gate = LLAMA["hidden_size"], sizes["gating_hidden_dim"]
    objectives = sizes["num_objectives"]
    width = hidden
    for layer in range(sizes["gating_n_hidden"]):
        tensors[f"gating.layers.{3 * layer}.weight"] = torch.randn(gate, width) * width**-0.5
        norm = f"gating.layers.{3 * layer + 2}"
        tensors[f"{norm}.weight"] = torch.rand(gate) + 0.5
        tensors[f"{norm}.bias"] = torch.randn(gate) * 0.1
        tensors[f"{norm}.running_mean"] = torch.randn(gate) * 0.3
        tensors[f"{norm}.running_var"] = torch.rand(gate) + 0.5
        tensors[f"{norm}.num_batches_tracked"] = torch.tensor(7)
        width = gate
    last = f"gating.layers.{3 * sizes['gating_n_hidden']}"
    tensors[f"{last}.weight"] = torch.randn(objectives, width)
    tensors[f"{last}.bias"] = torch.randn(objectives)
    tensors["gating.logit_scale"] = torch.tensor([1.7])
    outputs = objectives * sizes["num_quantiles"]
    tensors["regression_layer.weight"] = torch.randn(outputs, hidden) * hidden**-0.5
    tensors["reward_transform_matrix"] = torch.eye(objectives) + 0.1 * torch.randn(
        objectives, objectives
    )
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    config = LlamaConfig(**LLAMA, architectures=["LlamaForRewardModelWithGating"]).to_dict() | sizes
    config["auto_map"] = {
        "AutoModelForSequenceClassification": "modeling_custom.LlamaForRewardModelWithGating"
    }
    (folder / "config.json").write_text(json.dumps(config))


MODELING = """
import torch
from transformers import BertConfig, BertModel, PreTrainedModel


class RewardModelConfig(BertConfig):
    model_type = "reward_model_of_its_own"


class RewardModel(PreTrainedModel):
    config_class = RewardModelConfig

    def __init__(self, config):
        super().__init__(config)
        self.base = BertModel(config)
        self.head = torch.nn.Sequential(
            torch.nn.Linear(config.hidden_size, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)
        )
        self.post_init()

    def forward(self, input_ids, attention_mask, alpha=1):
        hidden = self.base(input_ids, attention_mask=attention_mask).last_hidden_state
        token = hidden[torch.arange(len(hidden)), self.read(input_ids)]
        return torch.tanh(self.head(token)) * alpha

    def read(self, input_ids):
        READ
"""
# Where such code reads the score: the second is how transformers 4 found the last token.
READ = {
    "first": "return 0",
    "last": (
        "return (input_ids == self.config.pad_token_id).int().argmax(-1) - 1"
        " if self.config.pad_token_id is not None else {1: -1}[len(input_ids)]"
    ),
}


def reward_model(folder: Path, read: str = "first", pad: int | None = 0) -> None:
    """As the first RewardModel: modelling code of its own, and a score that it multiplies."""
    import importlib.util

    word_pieces(folder)
    (folder / "modeling_reward_model.py").write_text(MODELING.replace("READ", READ[read]))
    spec = importlib.util.spec_from_file_location("modeling", folder / "modeling_reward_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.RewardModelConfig(
        vocab_size=300, hidden_size=64, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=128, max_position_embeddings=128, pad_token_id=pad,
    )  # fmt: skip
    seeded(module.RewardModel, config).save_pretrained(folder)
    stored = json.loads((folder / "config.json").read_text())
    stored["auto_map"] = {
        "AutoConfig": "modeling_reward_model.RewardModelConfig",
        "AutoModel": "modeling_reward_model.RewardModel",
    }
    (folder / "config.json").write_text(json.dumps(stored))
