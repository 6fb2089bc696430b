"""QRM's numbers by its formulas, in NumPy, and prompts to compare engines with them."""

import random

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import LlamaModel

from rm_ray.engines.read_outs import QuantileHeads

HEADER = (1024, 1022, 311, 328, 270, 796, 1023, 265)
HEADS = QuantileHeads(HEADER, 19, 19, 10.0, 32, 3)


def reference_quantiles(folder, prompt, gate_at):
    """Quantiles, attributes and score from the formulas, in NumPy."""
    weights = load_file(folder / "model.safetensors")
    model = LlamaModel.from_pretrained(folder).eval()
    with torch.no_grad():
        hidden = model(torch.from_numpy(prompt)[None].long()).last_hidden_state[0].numpy()
    r = (weights["regression_layer.weight"] @ hidden[-1]).reshape(19, 19)
    x = hidden[gate_at]
    for layer in range(3):
        x = np.maximum(weights[f"gating.layers.{3 * layer}.weight"] @ x, 0)
        norm = f"gating.layers.{3 * layer + 2}"
        x = (x - weights[f"{norm}.running_mean"]) / np.sqrt(weights[f"{norm}.running_var"] + 1e-5)
        x = x * weights[f"{norm}.weight"] + weights[f"{norm}.bias"]
    x = (weights["gating.layers.9.weight"] @ x + weights["gating.layers.9.bias"]) / 10
    gate = np.exp(x - x.max()) / np.exp(x - x.max()).sum() * weights["gating.logit_scale"]
    matrix = weights["reward_transform_matrix"]
    attributes = r.mean(axis=1) @ matrix
    quantiles = [float(gate @ (r[:, q] @ matrix)) for q in range(19)]
    return np.array([*quantiles, *attributes, float(gate @ attributes)])


def qrm_prompts():
    """Chats of many steps, of one, and whose wrap ends on a block of vLLM's, and beside it; the
    place of the gate in each.
    """
    rng = random.Random(3)
    wrap = 128 - len(HEADER)
    shapes = [(wrap, 40), (wrap - 1, 33), (wrap + 1, 7), (3, 600), (400, 200), (10, 10), (200, 1)]
    prompts, gates = [], []
    for before, after in shapes:
        user = [rng.randrange(1000) for _ in range(before)]
        said = [rng.randrange(1000) for _ in range(after)]
        # a header in an earlier turn moves nothing
        earlier = list(HEADER) if before > 130 else []
        prompts.append(np.array([*earlier, *user, *HEADER, *said, HEADER[0]], np.int32))
        gates.append(len(earlier) + before)
    return prompts, gates


def check_qrm(folder, prompts, gates, found, tolerance):
    expected = np.stack([
        reference_quantiles(folder, prompt, gate)
        for prompt, gate in zip(prompts, gates, strict=True)
    ])  # fmt: skip
    assert found.shape == (len(prompts), 39)
    assert np.abs(found - expected).max() < tolerance
    assert np.abs(found[:, :19].mean(axis=1) - found[:, 38]).max() < 1e-4
    assert np.std(expected[:, 38]) > 1e-3
