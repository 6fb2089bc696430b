"""Resolve the generator of a run: its model, its tokenizer and the settings of its engine."""

import json
from dataclasses import dataclass
from typing import Any

from rm_ray.engines.engine import EngineSettings, choose_block_size
from rm_ray.engines.heads import check_language_model
from rm_ray.engines.read_outs import DrawnTokens
from rm_ray.engines.runnable import check_runs
from rm_ray.engines.start import check_engine_installed
from rm_ray.engines.weights import Model, resolve_model
from rm_ray.errors import ConfigError, JudgeError
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.markers import resolve_bos
from rm_ray.judges.tokens import TokenizerFiles, read_tokenizer
from rm_ray.pairs.chat import ChatPrompts, banned_tokens, stop_tokens
from rm_ray.pairs.config import CONTINUED, REWRITTEN, GeneratorConfig, PairsJobConfig
from rm_ray.pairs.writing import MOST_BROKEN, Writer, answer_tokens, with_spare

# Parts of a tokenizer, besides its model, that decide on the tokens of a text.
DECIDING = ("added_tokens", "normalizer", "pre_tokenizer")


@dataclass(frozen=True)
class ResolvedGenerator:
    """A ResolvedGenerator holds all that a run needs to know of its generator."""

    engine: EngineSettings
    """Settings of the engine that each actor starts."""
    writer: Writer
    """Facts about the generator that making pairs needs."""


def resolve_generator(
    config: PairsJobConfig, judge: PreferenceJudge, plain_json: str
) -> ResolvedGenerator | None:
    """Resolve the generator; return None if no kind needs one.

    Args:
        config: the configuration of the job.
        judge: the judge that the pairs are made for.
        plain_json: the judge's plain tokenizer, as JSON.

    Raises:
        JudgeError: the model, its tokenizer or its template do not fit.
        ConfigError: the engine does not run the model.
    """
    if not config.pairs.generated_fraction:
        return None
    try:
        return _resolved(config, judge, plain_json)
    except (JudgeError, ConfigError) as error:
        # messages about models name the section of the judge
        message = str(error).replace("judge.model", "generator.model")
        raise type(error)(message) from None


def _resolved(config: PairsJobConfig, judge: PreferenceJudge, plain_json: str) -> ResolvedGenerator:
    check_engine_installed(config.engine)
    model = _model(config.generator, config.engine.weights_folder)
    check_language_model(model, "preference")
    files = read_tokenizer(model.place or model.name, model.revision, model.name)
    weights = config.pairs.weights
    if CONTINUED in weights:
        _check_tokenizer(model, files, plain_json)
    chat = ChatPrompts.of(config.pairs.rewrite, files) if REWRITTEN in weights else None
    bos = resolve_bos(None, (), files)
    stops = stop_tokens(model, files, chat=chat is not None)
    banned = banned_tokens(model, files, stops)
    chunk = judge.rule.chunk
    longest = max(
        len(bos) + judge.rule.context + chunk if CONTINUED in weights else 0,
        chat.longest + answer_tokens(chunk) if chat else 0,
    )
    most = max(with_spare((MOST_BROKEN + 1) * chunk), answer_tokens(chunk) if chat else 0)
    on_gpu = config.pool.gpus > 0
    engine = EngineSettings(
        config=config.engine,
        model=model,
        read_out=DrawnTokens(most, banned, stops),
        max_prompt_tokens=longest,
        block_size=choose_block_size(config.engine, 1, on_gpu=on_gpu),
        gpus=config.pool.gpus,
        threads=config.engine.threads or max(1, int(config.pool.cpus)),
    )

    def shorter(less: int) -> str:
        context = (judge.rule.context - less) // chunk * chunk
        if CONTINUED in weights and context >= 0:
            return f"--judge.context_tokens {context}"
        return "a generator that takes longer prompts"

    check_runs(engine, shorter)
    never = frozenset((*banned, *stops))
    return ResolvedGenerator(engine, Writer(bos, never, longest, chat))


def _model(asked: GeneratorConfig, weights_folder: str | None) -> Model:
    assert asked.model is not None  # the configuration has checked it
    return resolve_model(
        asked.model,
        asked.revision,
        trust_remote_code=asked.trust_remote_code,
        storage=asked.storage,
        weights_folder=weights_folder,
    )


def _check_tokenizer(model: Model, files: TokenizerFiles, plain_json: str) -> None:
    """Refuse a model whose tokenizer differs from the judge's.

    Raises:
        JudgeError: the tokenizers differ; the message names the model.
    """
    if _content(plain_tokenizer(files.json)) != _content(plain_json):
        raise JudgeError(
            f"generator.model: {model.name} and the judge have different tokenizers, but the kind "
            "continued needs the judge's tokens; take the base model that the judge comes from, or "
            "leave continued out of pairs.kinds"
        )


def _content(plain_json: str) -> dict[str, Any]:
    """Return the parts of a tokenizer that decide on the tokens of a text, without empty values.

    Some writers leave out empty values, others do not.
    """
    parts = json.loads(plain_json)
    model = {name: value for name, value in parts["model"].items() if value}
    return {"model": model, **{name: parts.get(name) or None for name in DECIDING}}
