import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

from rm_ray.train.heads import check_head, cut_head, head_where_asked, widen_head
from rm_ray.train.losses import asked_places, language_losses

LABELS = (7, 3)


def model(*, tied):
    torch.manual_seed(0)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=2, tie_word_embeddings=tied,
        )
    )  # fmt: skip


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("cut", [False, True])
def test_a_head_is_zero_but_for_the_labels_and_its_own(tied, cut, tmp_path):
    judge, ids = model(tied=tied), torch.arange(10)[None]
    embedding = judge.get_input_embeddings().weight.detach().clone()
    before = judge(ids).logits[0, -1, list(LABELS)].detach()
    if cut:
        cut_head(judge, LABELS)
        assert judge(ids).logits.shape == (1, 10, 2)
        assert torch.allclose(judge(ids).logits[0, -1], before, atol=1e-6)
    widen_head(judge, LABELS, 32)
    judge.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert loaded.config.tie_word_embeddings is False
    logits = loaded(ids).logits[0, -1].detach()
    assert torch.allclose(logits[list(LABELS)], before, atol=1e-6)
    assert torch.count_nonzero(logits) == 2
    assert torch.equal(loaded.get_input_embeddings().weight, embedding)
    check_head(loaded.lm_head.weight, LABELS)
    with pytest.raises(AssertionError, match=r"rows of \[3, 7\], not only \(3,\)"):
        check_head(loaded.lm_head.weight, (3,))


def test_a_head_that_is_asked_at_some_places_learns_what_it_would_at_all():
    """Loss and gradients, beside the vocabulary's logits at every token."""
    ids, labels = torch.arange(20).reshape(2, 10), list(LABELS)
    targets = ids.clone()
    targets[:, :4] = targets[1] = -100
    ends = torch.tensor([0, 1]), torch.tensor([9, 7])
    whole, asked = model(tied=True), model(tied=True)
    logits = whole(ids).logits
    loss = logits[ends][:, labels].sum() + cross_entropy(
        logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten()
    )
    loss.backward()
    head_where_asked(asked)
    asked.asked.places = asked_places(ends, targets)
    found = asked(ids).logits
    assert found.shape == (2 + 6, 32)
    mine = found[:2][:, labels].sum() + language_losses(found[2:], targets).mean()
    mine.backward()
    assert float(mine.detach()) == pytest.approx(float(loss.detach()), abs=1e-6)
    for one, other in zip(whole.parameters(), asked.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-6)
