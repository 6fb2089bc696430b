import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from rm_ray.pairs.table import TRAIN
from rm_ray.train.data.pack import Branch, pack_trees, rows_of, trees_of
from rm_ray.train.losses import pair_losses
from tests.conftest import TINY_JUDGE
from tests.train.tasks import task

NUMBERS = range(8)


def branch(context, tail, **more):
    return Branch(np.array(context, np.int32), np.array(tail, np.int32), **more)


def test_a_tree_is_a_trunk_and_branches_at_the_places_of_their_windows():
    found = pack_trees(
        [branch([9, 1], [7, 8]), branch([9, 1, 2], [5], real_context=False), branch([], [4])]
    )
    assert found.ids.tolist() == [[9, 1, 2, 5, 7, 8, 4]]
    assert found.positions.tolist() == [[0, 1, 2, 3, 2, 3, 0]]
    assert (found.rows.tolist(), found.columns.tolist()) == ([0, 0, 0], [5, 3, 6])
    sees = ["".join(str(int(one)) for one in row) for row in found.mask[0]]
    assert sees == [
        "1000000",
        "1100000",
        "1110000",
        "1111000",  # after the whole trunk
        "1100100",  # after two tokens of it
        "1100110",
        "0000001",  # after nothing
    ]


def test_a_context_that_is_no_prefix_is_a_trunk_of_its_own():
    branches = [branch([1, 2, 3], [4]), branch([1, 3], [4]), branch([1, 2], [4])]
    assert trees_of(branches) == [[0, 2], [1]]
    found = pack_trees(branches)
    assert found.ids.tolist() == [[1, 2, 3, 4, 4], [1, 3, 4, 0, 0]]
    assert found.mask[1, 3].tolist() == [False, False, False, True, False]  # padding sees itself


def test_small_trees_stand_side_by_side():
    assert rows_of([3, 9, 5, 4, 4]) == [[1], [2, 3], [4, 0]]
    found = pack_trees([branch([1, 2, 3, 4, 5], [6]), branch([8], [9]), branch([7, 8], [9])])
    assert found.ids.tolist() == [[1, 2, 3, 4, 5, 6], [7, 8, 9, 8, 9, 0]]
    assert found.positions[1].tolist() == [0, 1, 2, 0, 1, 0]
    assert found.mask[1, 4].tolist() == [False, False, False, True, True, False]
    assert (found.rows.tolist(), found.columns.tolist()) == ([0, 1, 1], [5, 4, 2])


@pytest.fixture(scope="module")
def examples(pairs, tmp_path_factory):
    one = task(pairs, tmp_path_factory.mktemp("unused") / "out")
    return one.source.load(TRAIN, one.config)


def gradients(model, examples, *, packed):
    model.zero_grad()
    inputs = examples.batch(list(NUMBERS), packed=packed, targets=False)
    given = {key: inputs[key] for key in ("input_ids", "attention_mask", "position_ids")
             if key in inputs}  # fmt: skip
    logits = model(**given).logits
    answers = logits[inputs["ends"]][:, [32, 33]].reshape(-1, 2, 2)
    loss = pair_losses(answers).mean()
    loss.backward()
    found = {name: one.grad.clone() for name, one in model.named_parameters()}
    return answers.detach(), found, inputs


def test_packed_windows_give_the_answers_and_gradients_of_windows_alone(examples):
    model = AutoModelForCausalLM.from_pretrained(TINY_JUDGE, dtype=torch.float32)
    torch.manual_seed(0)
    with torch.no_grad():
        for one in model.parameters():
            one.add_(torch.randn_like(one) * 0.01)
    plain, mine, windows = gradients(model, examples, packed=False)
    packed, theirs, trees = gradients(model, examples, packed=True)
    assert torch.allclose(plain, packed, atol=2e-5)
    worst = max(float((mine[n] - theirs[n]).abs().max() / mine[n].abs().max()) for n in mine)
    assert worst < 1e-5
    assert trees["input_ids"].numel() < windows["input_ids"].numel()


def test_real_text_is_foretold_and_junk_is_not(examples):
    inputs = examples.batch([0, 1], packed=False, targets=True)
    before, chunk = len(examples.judge.before), examples.judge.rule.chunk
    for row, number in ((0, 0), (2, 1)):
        context = len(examples.contexts[number])
        wanted = np.full(inputs["targets"].shape[1], -100)
        if examples.real_context[number]:
            wanted[:context] = examples.contexts[number]
            wanted[0] = -100  # nothing foretells it
        wanted[context + before : context + before + chunk] = examples.chosen[number]
        assert inputs["targets"][row].tolist() == wanted.tolist()
        assert set(inputs["targets"][row + 1].tolist()) == {-100}
    packed = examples.batch([0, 1], packed=True, targets=True)
    said = packed["targets"][packed["targets"] != -100].tolist()
    expected = inputs["targets"][inputs["targets"] != -100].tolist()
    assert sorted(said) == sorted(expected)
