"""vLLM draws tokens: which ones, and with which seed."""

import os

import numpy as np
import pytest
import torch

from rm_ray.engines.generate.generator import Sampling
from rm_ray.engines.read_outs import DrawnTokens
from rm_ray.engines.start import start_generator
from rm_ray.engines.weights import resolve_model
from rm_ray.pairs import writing
from rm_ray.pairs.generator import resolve_generator
from tests.conftest import TINY_JUDGE
from tests.engines.small_engines import settings_of
from tests.pairs.chats import instruct
from tests.pairs.makers import JUDGE, TOKENIZER, make, maker, texts
from tests.pairs.runs import job_config

# Ids that the tiny judge is not to draw, and ids that end an answer.
BANNED, STOPS = tuple(range(100, 400)), tuple(range(400, 440))


def settings(folder, read_out, longest):
    return settings_of("vllm", folder, read_out, longest, max_batch_windows=8, in_flight=16)


@pytest.fixture(scope="module")
def uniform():
    """The tiny judge's head is zero but for A and B: nearly every token is as likely."""
    return start_generator(settings(TINY_JUDGE, DrawnTokens(64, BANNED, STOPS), 700))


def ask(engine, asked):
    """What is drawn after each of some prompts, by number."""
    left, found = list(asked), {}
    while len(found) < len(asked):
        while left and engine.has_room:
            number = left.pop(0)
            engine.add(number, *asked[number])
        found.update(engine.step())
    return found


def prompts(count):
    rng = np.random.default_rng(0)
    lengths = [1, 5, 700, 64, 300, 63] * count
    return [rng.integers(0, 1000, length).astype(np.int32) for length in lengths[:count]]


def test_a_seed_fixes_what_is_drawn_whatever_else_is_in_the_batch(uniform):
    """Prompts are longer than a step's tokens: vLLM would take draws back, which on a CPU it
    cannot.
    """
    asked = {
        number: (prompt, Sampling(1.0 + 0.1 * (number % 3), 2**63 - 1 - number, 64))
        for number, prompt in enumerate(prompts(18))
    }
    found = ask(uniform, asked)
    assert {len(drawn) for drawn in found.values()} == {64}
    drawn = np.concatenate(list(found.values()))
    assert drawn.dtype == np.int32 and not np.isin(drawn, [*BANNED, *STOPS]).any()
    backwards = ask(uniform, dict(reversed(asked.items())))
    assert all((backwards[number] == found[number]).all() for number in found)
    alone = ask(uniform, {3: asked[3]})
    assert (alone[3] == found[3]).all()
    (prompt, sampling), other = asked[0], Sampling(1.0, 5, 64)
    assert (ask(uniform, {0: (prompt, other)})[0] != found[0]).mean() > 0.9
    assert (ask(uniform, {0: (prompt, sampling)})[0] == found[0]).all()


def test_a_stop_ends_an_answer_and_is_not_in_it(uniform):
    asked = {n: (prompt, Sampling(1.0, n, 64, stops=True)) for n, prompt in enumerate(prompts(12))}
    found = ask(uniform, asked)
    lengths = [len(drawn) for drawn in found.values()]
    assert min(lengths) >= 0 and np.mean(lengths) == pytest.approx(17, abs=12)
    drawn = np.concatenate(list(found.values()))
    assert not np.isin(drawn, [*BANNED, *STOPS]).any()


def test_the_likeliest_tokens_are_those_of_transformers_and_pairs_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "LONGER", 0)  # short answers
    monkeypatch.setattr(writing, "MORE", 160)
    model = instruct(tmp_path)
    config = job_config(
        generator={"model": str(tmp_path)},
        pairs={"kinds": {"continued": 1, "rewritten": 1}, "rewrite": ["Say: {text}"]},
    )
    generator = resolve_generator(config, JUDGE, TOKENIZER.tokenizer_json)
    os.environ.update(generator.engine.environment())
    engine = start_generator(generator.engine)
    prompt = prompts(4)[3]
    drawn = ask(engine, {0: (prompt, Sampling(0.0, 1, 12))})[0].tolist()
    ids = prompt.tolist()
    never = sorted(generator.writer.never)
    for token in drawn:
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        logits[never] = -torch.inf
        assert logits[token] > logits.max() - 1e-4
        ids.append(token)
    made = maker(kinds=config.pairs.kinds, writer=generator.writer, temperatures=[1.0])
    some = texts(3, seed=1)
    rows, counts = make(made, some, engine)
    assert counts.kinds.keys() == {"continued", "rewritten"}
    assert counts.given_up.keys() <= {"rewritten"}  # its answer ended early
    again, _ = make(made, some, engine)
    assert again.equals(rows)  # on one machine, with the prefix cache warm
    assert resolve_model(str(tmp_path), None).identity == generator.engine.model.identity
