"""Shapes of tiny models by architecture, and classifiers of these shapes with random weights."""

from typing import Any

import transformers

from tests import checkpoints

SHAPE: dict[str, Any] = {
    "vocab_size": 300, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 128, "max_position_embeddings": 160, "num_labels": 2, "pad_token_id": 0,
    "num_key_value_heads": 1, "head_dim": 32, "bos_token_id": 1, "eos_token_id": 2,
    "cls_token_id": 1, "sep_token_id": 2,
}  # fmt: skip
MANY = {
    "moe_intermediate_size": 32, "num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2,
    "shared_expert_intermediate_size": 32,
}  # fmt: skip
LATENT = {
    "q_lora_rank": 32, "kv_lora_rank": 16, "qk_rope_head_dim": 16, "qk_nope_head_dim": 16,
    "v_head_dim": 32, "num_key_value_heads": 2, "n_routed_experts": 4, "num_experts_per_tok": 2,
    "n_group": 2, "topk_group": 1, "moe_intermediate_size": 32, "n_shared_experts": 1,
    "first_k_dense_replace": 1, "head_dim": 16,
}  # fmt: skip
WITH_PICTURES = {
    "text_config": SHAPE, "mm_tokens_per_image": 4, "num_labels": 2, "pad_token_id": 0,
    "vision_config": {
        "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 56, "patch_size": 14,
    },
}  # fmt: skip
# What a tiny model of an architecture needs besides.
MORE: dict[str, dict[str, Any]] = {
    "DistilBert": {"dim": 64, "n_layers": 2, "n_heads": 2, "hidden_dim": 128},
    "DeepseekV2": LATENT | {"topk_method": "greedy"},
    "DeepseekV3": LATENT,
    "DiffLlama": {"num_key_value_heads": 2},
    "GPTJ": {"rotary_dim": 16},
    "GPTNeo": {"attention_types": [[["global", "local"], 1]]},
    "GptOss": {"num_local_experts": 2, "num_experts_per_tok": 1},
    "Jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2,
              "expert_layer_offset": 1, "num_experts": 2, "use_mamba_kernels": False},
    "MiniCPM3": LATENT | {"head_dim": 32},
    "OPT": {"ffn_dim": 128, "word_embed_proj_dim": 64},
    "Phimoe": {"num_local_experts": 4},
    "Qwen2Moe": MANY,
    "Qwen3Moe": MANY,
}  # fmt: skip
# ... and whose whole shape is another.
ALONE: dict[str, dict[str, Any]] = {
    "Falcon": {key: value for key, value in SHAPE.items() if key != "head_dim"},
    "GPT2": {
        "vocab_size": 300, "num_labels": 2, "pad_token_id": 0, "n_embd": 64, "n_layer": 2,
        "n_head": 2,
    },
    "Gemma3": WITH_PICTURES,
}  # fmt: skip


def tiny(architecture, folder, **keys):
    """A tiny classifier of an architecture, in a folder and here."""
    name = architecture.removesuffix("ForSequenceClassification")
    kind = getattr(transformers, architecture)
    shape = ALONE.get(name) or SHAPE | MORE.get(name, {}) | keys
    model = checkpoints.seeded(kind, kind.config_class(**shape))
    model.save_pretrained(folder)
    return model
