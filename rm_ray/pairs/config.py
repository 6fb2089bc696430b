"""The configuration of the pairs job."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from rm_ray.config import (
    TYPED,
    CostConfig,
    InputConfig,
    NonEmpty,
    OutputConfig,
    PoolConfig,
    ReadConfig,
    RunConfig,
    Section,
    ShardConfig,
    StorageConfig,
    refuse_credentials,
)
from rm_ray.engines.keys import EngineConfig
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.pairs.worsen.kinds import WORSENED

# Kinds that a language model writes, and not a rule.
CONTINUED, REWRITTEN = "continued", "rewritten"
GENERATED = (CONTINUED, REWRITTEN)
KINDS = (*GENERATED, *WORSENED)
TEXT = "{text}"


class PairsConfig(Section):
    """Which chunks are taken, and how they are made worse."""

    per_document: int = Field(
        4,
        ge=1,
        description="Pairs from each document, at places spread over it; fewer from one with fewer "
        "chunks.",
    )
    seed: int = Field(0, description="Seed of everything that is drawn.")
    kinds: dict[str, float] = Field(
        dict.fromkeys(WORSENED, 1.0),
        description="How often each kind is drawn, as weights: continued and rewritten need a "
        f"generator; {', '.join(WORSENED)} do not.",
        json_schema_extra=TYPED,
    )
    part_fraction: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Of this fraction of the pairs the worse chunk begins as the real one does, "
        "and becomes worse from a place that is drawn.",
    )
    broken_fraction: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Of this fraction of the pairs with a context, the context is made worse in "
        "the same way: junk follows junk in a junk document.",
    )
    validation_fraction: float = Field(
        0.05,
        ge=0,
        le=1,
        description="This fraction of the documents, chosen by a seeded hash, is the split "
        "validation; all others are train.",
    )
    first_chunk: int = Field(0, ge=0, description="Number of the first chunk that may be taken.")
    last_chunk: int | None = Field(
        None, ge=0, description="Number of the last chunk that may be taken; null for no limit."
    )
    temperatures: list[float] = Field(
        [0.7, 1.0, 1.3],
        min_length=1,
        description="Temperatures of continued and rewritten, of which each pair draws one.",
    )
    rewrite: list[str] = Field(
        [
            "Translate the following text into German. Give only the translation.\n\n{text}",
            "Translate the following text into English. Give only the translation.\n\n{text}",
        ],
        min_length=1,
        description="Prompts of rewritten, asked one after the other: {text} is the real text, "
        "then the answer before.",
    )

    @field_validator("kinds")
    @classmethod
    def _are_known(cls, kinds: dict[str, float]) -> dict[str, float]:
        for name, weight in kinds.items():
            if name not in KINDS:
                raise ValueError(f"there is no kind {name!r}; there are {', '.join(KINDS)}")
            if not 0 <= weight < float("inf"):
                raise ValueError(f"the weight of {name} is {weight:g}; it must be 0 or more")
        if not any(kinds.values()):
            raise ValueError("all weights are 0, so that no kind is ever drawn; give one a weight")
        return kinds

    @field_validator("temperatures")
    @classmethod
    def _are_temperatures(cls, temperatures: list[float]) -> list[float]:
        if wrong := [one for one in temperatures if not 0 <= one <= 100]:
            raise ValueError(f"{wrong[0]:g} is no temperature; it must be between 0 and 100")
        return temperatures

    @field_validator("rewrite")
    @classmethod
    def _have_a_place_for_the_text(cls, prompts: list[str]) -> list[str]:
        if wrong := [one for one in prompts if one.count(TEXT) != 1]:
            raise ValueError(f"the prompt {wrong[0]!r} must have the place {TEXT} once")
        return prompts

    @model_validator(mode="after")
    def _some_chunk(self) -> Self:
        if self.last_chunk is not None and self.last_chunk < self.first_chunk:
            raise ValueError(
                f"last_chunk ({self.last_chunk}) is less than first_chunk ({self.first_chunk})"
            )
        return self

    @property
    def weights(self) -> dict[str, float]:
        """The kinds that are drawn, with their shares, in the order of `KINDS`."""
        whole = sum(self.kinds.values())
        return {name: self.kinds[name] / whole for name in KINDS if self.kinds.get(name)}

    @property
    def generated_fraction(self) -> float:
        """The share of the pairs that a generator is asked for."""
        return sum(self.weights.get(name, 0.0) for name in GENERATED)


class GeneratorConfig(Section):
    """The language model that writes the kinds continued (a base model, whose tokenizer is the
    judge's) and rewritten (an instruct model, with its chat template).
    """

    model: NonEmpty | None = Field(
        None,
        description="Model: a local folder, a hub name, or a folder in a store.",
        json_schema_extra=TYPED,
    )
    storage: StorageConfig = Field(StorageConfig(), description="How the model's store is reached.")
    revision: NonEmpty | None = Field(
        None, description="Hub revision (branch, tag or commit); a commit where code is trusted."
    )
    trust_remote_code: bool = Field(
        False,
        description="Run the checkpoint's own modelling code, where it needs some; only with a "
        "pinned revision.",
    )

    @model_validator(mode="after")
    def _name_without_secrets(self) -> Self:
        refuse_credentials(self.model or "", "model")
        return self


class PairsEstimateConfig(Section):
    """What --dry-run reckons hours with; a run that goes on has its own measurement."""

    pairs_per_s: float | None = Field(
        None, gt=0, description="Generated pairs a second of one engine."
    )


class PairsRunConfig(RunConfig):
    """The run as a whole, and documents that failed."""

    max_failed_fraction: float = Field(
        0.0, ge=0, le=1, description="Exit status 1 when more of the documents are `failed`."
    )


class PairsJobConfig(Section):
    """Everything the pairs job can be told."""

    input: InputConfig
    output: OutputConfig
    judge: PreferenceConfig
    pairs: PairsConfig = PairsConfig()
    generator: GeneratorConfig = GeneratorConfig()
    engine: EngineConfig = EngineConfig()
    pool: PoolConfig = PoolConfig()
    read: ReadConfig = ReadConfig()
    shard: ShardConfig = ShardConfig()
    run: PairsRunConfig = PairsRunConfig()
    estimate: PairsEstimateConfig = PairsEstimateConfig()
    cost: CostConfig = CostConfig()

    @model_validator(mode="after")
    def _a_generator_for_what_it_writes(self) -> Self:
        asked = [name for name in GENERATED if self.pairs.kinds.get(name)]
        if asked and self.generator.model is None:
            raise ValueError(
                f"pairs.kinds has {asked[0]}, which a language model writes, and there is none; "
                "name one with --generator.model, or leave that kind out"
            )
        if asked and self.engine.name == "transformers":
            raise ValueError(
                "engine.name is transformers, which writes no text here; give --engine.name vllm"
            )
        return self
