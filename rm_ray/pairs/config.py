"""The configuration of the pairs job."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from rm_ray.addresses import refuse_credentials
from rm_ray.config import (
    TYPED,
    CostConfig,
    InputConfig,
    NonEmpty,
    NotifyConfig,
    OutputConfig,
    PoolConfig,
    ReadConfig,
    RunConfig,
    Section,
    ShardConfig,
    StorageConfig,
)
from rm_ray.engines.keys import EngineConfig
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.pairs.worsen.kinds import WORSENED

# Kinds whose worse chunks are written by a language model, not made by a rule.
CONTINUED, REWRITTEN = "continued", "rewritten"
GENERATED = (CONTINUED, REWRITTEN)
KINDS = (*GENERATED, *WORSENED)
# Place of the text in a prompt of `rewrite`.
TEXT = "{text}"


class PairsConfig(Section):
    """The choice of chunks, and of the ways to make each chunk worse."""

    per_document: int = Field(4, ge=1)
    """Pairs from each document, at places spread over the document. A document with fewer chunks
    gives fewer pairs."""
    seed: int = 0
    """Seed of all random choices but the split's."""
    kinds: dict[str, float] = Field(dict.fromkeys(WORSENED, 1.0), json_schema_extra=TYPED)
    """How often each kind is drawn, as weights. The kinds continued and rewritten need a generator.
    The other kinds do not: shuffled, repeated, noised, spliced, sampled, dropped_words,
    doubled_lines, missing_lines, boilerplate, line_ends, mixed_languages, truncated_words."""
    part_fraction: float = Field(0.25, ge=0, le=1)
    """Fraction of the pairs whose worse chunk begins like the real chunk, and is made worse only
    from a random place on."""
    broken_fraction: float = Field(0.4, ge=0, le=1)
    """Fraction of the pairs that get a worse context too, among the pairs with a context: in a junk
    document, junk follows junk. The context is made worse in the same way as the chunk."""
    validation_fraction: float = Field(0.05, ge=0, le=1)
    """Fraction of the documents, chosen by a seeded hash, that are in the split validation. All
    other documents are in the split train."""
    split_seed: int = 0
    """Seed of the split. The split does not go by pairs.seed, so a document stays in its split if
    pairs of the same corpus are made again with another pairs.seed."""
    first_chunk: int = Field(0, ge=0)
    """Number of the first chunk that may be taken."""
    last_chunk: int | None = Field(None, ge=0)
    """Number of the last chunk that may be taken; null for no limit."""
    temperatures: list[float] = Field([0.7, 1.0, 1.3], min_length=1)
    """Temperatures for continued and rewritten. Each pair draws one of the list."""
    rewrite: list[str] = Field(
        [
            "Translate the following text into German. Give only the translation.\n\n{text}",
            "Translate the following text into English. Give only the translation.\n\n{text}",
        ],
        min_length=1,
    )
    """Prompts for rewritten, asked one after the other. {text} is the real text in the first
    prompt, and the answer to the previous prompt in each later one."""

    @field_validator("kinds")
    @classmethod
    def _are_known(cls, kinds: dict[str, float]) -> dict[str, float]:
        for name, weight in kinds.items():
            if name not in KINDS:
                raise ValueError(f"there is no kind {name!r}; the kinds are {', '.join(KINDS)}")
            if not 0 <= weight < float("inf"):
                raise ValueError(f"the weight of {name} is {weight:g}; it must be 0 or more")
        if not any(kinds.values()):
            raise ValueError("all weights are 0, so no kind is ever drawn; give one a weight")
        return kinds

    @field_validator("temperatures")
    @classmethod
    def _are_temperatures(cls, temperatures: list[float]) -> list[float]:
        if wrong := [value for value in temperatures if not 0 <= value <= 100]:
            raise ValueError(f"{wrong[0]:g} is not a temperature; it must be between 0 and 100")
        return temperatures

    @field_validator("rewrite")
    @classmethod
    def _have_a_place_for_the_text(cls, prompts: list[str]) -> list[str]:
        if wrong := [prompt for prompt in prompts if prompt.count(TEXT) != 1]:
            raise ValueError(f"the prompt {wrong[0]!r} must contain {TEXT} exactly once")
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
        """Return the kinds that are drawn, with their shares, in the order of `KINDS`."""
        whole = sum(self.kinds.values())
        return {name: self.kinds[name] / whole for name in KINDS if self.kinds.get(name)}

    @property
    def generated_fraction(self) -> float:
        """Return the share of the pairs that need the generator."""
        return sum(self.weights.get(name, 0.0) for name in GENERATED)


class GeneratorConfig(Section):
    """The language model that writes the kinds continued and rewritten. For continued, take a base
    model with the judge's tokenizer. For rewritten, take an instruct model with a chat template.
    """

    model: NonEmpty | None = Field(None, json_schema_extra=TYPED)
    """Model: a local folder, a hub name, or a folder in a store."""
    storage: StorageConfig = StorageConfig()
    """Access to the model's store."""
    revision: NonEmpty | None = None
    """Hub revision (branch, tag or commit). It must be a commit if trust_remote_code is true."""
    trust_remote_code: bool = False
    """Run the checkpoint's own modelling code, if it needs any; only with a pinned revision."""

    @model_validator(mode="after")
    def _name_without_secrets(self) -> Self:
        refuse_credentials(self.model or "", "model")
        return self


class PairsEstimateConfig(Section):
    """The speed for the hours that --dry-run estimates. A resumed run has measured its own."""

    pairs_per_s: float | None = Field(None, gt=0)
    """Generated pairs per second of one engine."""


class PairsRunConfig(RunConfig):
    """The run as a whole, and documents that failed."""

    max_failed_fraction: float = Field(0.0, ge=0, le=1)
    """Exit with status 1 if more than this fraction of the documents is `failed`."""


class PairsJobConfig(Section):
    """All sections of the pairs job."""

    input: InputConfig
    """Corpus to make pairs from."""
    output: OutputConfig
    """Folder of the run."""
    judge: PreferenceConfig
    """Judge that the pairs are made for."""
    pairs: PairsConfig = PairsConfig()
    """Choice of chunks, and of the ways to make each chunk worse."""
    generator: GeneratorConfig = GeneratorConfig()
    """Language model that writes the kinds continued and rewritten."""
    engine: EngineConfig = EngineConfig()
    """Engine that runs the generator."""
    pool: PoolConfig = PoolConfig()
    """Actors with an engine."""
    read: ReadConfig = ReadConfig()
    """Tasks that read and tokenise documents."""
    shard: ShardConfig = ShardConfig()
    """Size of a shard."""
    run: PairsRunConfig = PairsRunConfig()
    """The run as a whole, and documents that failed."""
    notify: NotifyConfig = NotifyConfig()
    """Whom to tell that the job has ended."""
    estimate: PairsEstimateConfig = PairsEstimateConfig()
    """Speed for the hours that --dry-run estimates."""
    cost: CostConfig = CostConfig()
    """Price of the hours."""

    @model_validator(mode="after")
    def _a_generator_for_what_it_writes(self) -> Self:
        generated = [name for name in GENERATED if self.pairs.kinds.get(name)]
        if generated and self.generator.model is None:
            raise ValueError(
                f"pairs.kinds has {generated[0]}, which needs a language model, and none is given; "
                "name one with --generator.model, or leave that kind out"
            )
        if generated and self.engine.name == "transformers":
            raise ValueError(
                "engine.name is transformers, which cannot write text in this job; give "
                "--engine.name vllm"
            )
        return self
