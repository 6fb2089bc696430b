"""Hashes and blocks taken from the prompt before are the ones that vLLM would have found."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.engines.engine import answer_all
from rm_ray.engines.prefix_cache import PrefixHashes, PrefixLookup, count_unused, free, touch

BLOCK = 4


def request(tokens):
    return SimpleNamespace(
        prompt_token_ids=tokens, block_hashes=[], mm_features=[], lora_request=None
    )


class Plain:
    """Hashes as vLLM does: each block with all before it; counts the blocks it hashed."""

    def __init__(self):
        self.blocks = 0

    def __call__(self, one):
        tokens, new = one.prompt_token_ids, []
        for stop in range((len(one.block_hashes) + 1) * BLOCK, len(tokens) + 1, BLOCK):
            new.append(hash(tuple(tokens[:stop])))
            self.blocks += 1
        return new


def hashes(hasher, tokens):
    one = request(tokens)
    one.block_hashes.extend(hasher(one))  # as Request.update_block_hashes does
    return one.block_hashes


PROMPTS = st.lists(st.lists(st.integers(0, 1), max_size=40), max_size=12)


@given(PROMPTS)
def test_the_hashes_are_those_of_each_prompt_alone_whatever_came_before(prompts):
    hasher = PrefixHashes(BLOCK, Plain())
    for tokens in prompts:
        assert hashes(hasher, tokens) == hashes(Plain(), tokens)


def test_a_growing_context_is_hashed_once():
    plain = Plain()
    hasher = PrefixHashes(BLOCK, plain)
    document = list(range(400))
    for middle in range(0, 400, BLOCK):
        hashes(hasher, [*document[:middle], 7, 7, *document[middle : middle + BLOCK], 8])
    # 100 windows: at most the block that is new and the whole ones of region and markers
    assert plain.blocks <= 100 * 3


def test_a_request_that_has_hashes_already_is_left_to_vllm():
    plain = Plain()
    hasher = PrefixHashes(BLOCK, plain)
    hashes(hasher, list(range(8)))
    again = request(list(range(8)))
    again.block_hashes = [1]
    assert len(hasher(again)) == 1


def test_the_real_engine_hits_its_cache_as_before(vllm_engine):
    """Windows of one document forward what the arithmetic says, by the scheduler's own count."""
    coordinator = vllm_engine._core.engine_core.scheduler.kv_cache_manager.coordinator
    assert isinstance(coordinator.find_longest_cache_hit, PrefixLookup)
    before = vllm_engine.counts.forwarded_tokens
    document = [(i * 7919) % 900 + 50 for i in range(512)]
    tail = [33, 34, 35]
    prompts = [document[:m] + tail + document[m : m + 64] + tail for m in range(0, 512, 64)]
    assert len(answer_all(vllm_engine, map(np.int32, prompts))) == 8
    assert vllm_engine.counts.forwarded_tokens - before == 8 * (128 + 6) - 64


class Pool:
    """Cached blocks by hash, found as vLLM does; counts how often it is asked about a block."""

    def __init__(self):
        self.cached = {}
        self.looked = 0

    def find(self, block_hashes, most_tokens):
        blocks = []
        for content in block_hashes[: most_tokens // BLOCK]:
            self.looked += 1
            if content not in self.cached:
                break
            blocks.append(self.cached[content])
        return (blocks,), len(blocks) * BLOCK, 0

    def add(self, block_hashes):
        for content in block_hashes:
            self.cached.setdefault(content, SimpleNamespace(_block_hash=content))

    def evict(self, content):
        if block := self.cached.pop(content, None):
            block._block_hash = None


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 1), max_size=10), st.integers(0, 9)), max_size=12)
)
def test_the_lookup_finds_what_vllm_finds_whatever_was_evicted_between(prompts):
    pool = Pool()
    lookup = PrefixLookup(BLOCK, pool.find)
    for bits, evicted in prompts:
        chain = [hash(tuple(bits[: i + 1])) for i in range(len(bits))]
        if evicted < len(chain):
            pool.evict(chain[evicted])
        most = max(0, len(chain) * BLOCK - 1)
        expected = pool.find(chain, most)
        assert lookup(chain, most) == expected
        pool.add(chain)


def test_a_growing_context_is_looked_up_once():
    pool = Pool()
    lookup = PrefixLookup(BLOCK, pool.find)
    for n in range(1, 101):
        pool.add(range(n))
        (blocks,), length, _ = lookup([*range(n), -n], (n + 1) * BLOCK - 1)
        assert length == n * BLOCK and [block._block_hash for block in blocks] == [*range(n)]
    assert pool.looked == 100


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "hold", "free", "cache"]), st.integers(0, 6)), max_size=40
)


@given(STEPS)
def test_blocks_are_held_and_given_back_as_vllm_does(vllm_engine, steps):
    """Two of vLLM's block pools through the same steps; in one of them with our functions."""
    from vllm.v1.core.block_pool import BlockPool  # not before the engine's environment is set

    theirs, ours = (BlockPool(12, enable_caching=True, hash_block_size=BLOCK) for _ in range(2))
    held: list[list[int]] = []
    known: list[list[int]] = []
    for step, number in steps:
        if step == "take" and number and number <= ours.get_num_free_blocks():
            taken = [[b.block_id for b in p.get_new_blocks(number)] for p in (theirs, ours)]
            assert taken[0] == taken[1]
            held.append(taken[0])
            known.append(taken[0])
        elif step == "hold" and known:
            ids = known[number % len(known)]
            assert count_unused(blocks(ours, ids)) == sum(
                not b.ref_cnt for b in blocks(theirs, ids)
            )
            theirs.touch(blocks(theirs, ids))
            touch(ours, blocks(ours, ids))
            held.append(ids)
        elif step == "free" and held:
            ids = held.pop(number % len(held))
            theirs.free_blocks(reversed(blocks(theirs, ids)))
            free(ours, reversed(blocks(ours, ids)))
        elif step == "cache" and held:
            for pool in (theirs, ours):
                for block in blocks(pool, held[number % len(held)]):
                    block._block_hash = b"%d" % block.block_id
        queues = [[b.block_id for b in p.free_block_queue.get_all_free_blocks()]
                  for p in (theirs, ours)]  # fmt: skip
        assert queues[0] == queues[1]


def blocks(pool, ids):
    return [pool.blocks[i] for i in ids]
