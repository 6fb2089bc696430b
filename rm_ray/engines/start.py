"""Starts the engine that the configuration names: vLLM, transformers, or the user's own."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from rm_ray.engines.engine import Engine, EngineSettings
from rm_ray.engines.generate.generator import Generator
from rm_ray.engines.heads import check_head
from rm_ray.engines.hub import go_offline
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.read_outs import LabelLogits
from rm_ray.engines.turns import on_this_gpu
from rm_ray.engines.weights import place_model
from rm_ray.errors import ClusterError


def check_engine_installed(engine: EngineConfig) -> None:
    """Refuse an engine whose package is missing.

    Raises:
        ClusterError: with the extra to install, or the module that cannot be found.
    """
    module, own, name = engine.name.partition(":")
    if own:
        if not _can_find(module):
            raise ClusterError(f"engine.name: there is no module {module} to take {name} from")
        return
    for package in ("torch", module):
        if find_spec(package) is None:
            raise ClusterError(
                f"engine.name is {engine.name}, and the package {package} is not installed; "
                "install rm_ray[gpu], or rm_ray[cpu] on machines without a GPU"
            )


def _can_find(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the module's package is missing
        return False


def start_engine(settings: EngineSettings) -> Engine:
    """Load the model in this process. This takes seconds to minutes, and longer with a fetch.

    vLLM and transformers get a folder, and never ask the hub; the user's own engine may ask it.

    Raises:
        JudgeError: this machine cannot get the weights, or its weights differ from the driver's,
            or the weights lack the head.
    """
    settings = _placed(settings)
    with _turn(settings):
        return _start(settings)


def start_generator(settings: EngineSettings) -> Generator:
    """Load a model that draws tokens in this process, as `start_engine` does.

    Raises:
        JudgeError: for the same reasons as in `start_engine`.
    """
    settings = _placed(settings)
    with _turn(settings):
        if settings.config.name == "vllm":
            from rm_ray.engines.generate.vllm_generate import VllmGenerator

            return VllmGenerator(settings)
        own: Generator = _own(settings)
        return own


def _placed(settings: EngineSettings) -> EngineSettings:
    """Return the settings with the model placed in a folder of this machine, and checked."""
    config = settings.config
    weights = config.load_format != "dummy"
    model = place_model(settings.model, config.weights_folder, weights=weights)
    settings = replace(settings, model=model)
    if config.name == "vllm" and weights:
        check_head(model)
    if ":" not in config.name:
        go_offline()
    return settings


def _turn(settings: EngineSettings) -> AbstractContextManager[None]:
    """Wait for this engine's turn: engines that share a GPU start one after the other."""
    return on_this_gpu() if 0 < settings.gpus < 1 else nullcontext()


def _start(settings: EngineSettings) -> Engine:
    config = settings.config
    if config.name == "vllm":
        if isinstance(settings.read_out, LabelLogits):
            from rm_ray.engines.vllm import VllmEngine

            return VllmEngine(settings)
        from rm_ray.engines.vllm_pooling import VllmPoolingEngine

        return VllmPoolingEngine(settings)
    if config.name == "transformers":
        from rm_ray.engines.transformers import TransformersEngine

        return TransformersEngine(settings)
    own: Engine = _own(settings)
    return own


def _own(settings: EngineSettings) -> Any:
    """Create the user's own engine."""
    module, _, name = settings.config.name.partition(":")
    return getattr(import_module(module), name)(settings)
