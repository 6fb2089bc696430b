"""rm_ray's engine with another read-out or scheduling, to choose the defaults by measurement.

Options: `classifier` (a head made from the LM head, instead of the labels' logits), and
`async_scheduling` (the next step is scheduled while the model runs).
"""

from dataclasses import replace

import numpy as np

from benchmarks.contenders import run
from benchmarks.contenders.rm_ray_engine import score_with


def make_engine(settings, options):  # noqa: ANN001, ANN201 - imports vLLM, which must come late
    """Return the engine for the options."""
    from vllm import PoolingParams

    from rm_ray.engines.vllm import VllmEngine

    class Variant(VllmEngine):
        def _arguments(self, settings):  # noqa: ANN001, ANN202
            arguments = super()._arguments(settings)
            arguments.async_scheduling = options.get("async_scheduling", False)
            if options.get("classifier"):
                arguments.runner, arguments.convert = "pooling", "classify"
                arguments.skip_tokenizer_init = False
                arguments.hf_overrides = {
                    **arguments.hf_overrides,
                    "architectures": ["Qwen2ForSequenceClassification"],
                    "classifier_from_token": ["B", "A"],
                    "method": "from_2_way_softmax",
                }
            return arguments

        def _checked_request(self, read_out):  # noqa: ANN001, ANN202
            if not options.get("classifier"):
                return super()._checked_request(read_out)
            params = PoolingParams(task="classify", use_activation=False)
            tasks = self._engine.get_supported_tasks()
            prompt = {"prompt_token_ids": [read_out.token_ids[0]]}
            return self._engine.input_processor.process_inputs("", prompt, params, tasks)

        def _read(self, output):  # noqa: ANN001, ANN202
            if not options.get("classifier"):
                return super()._read(output)
            return np.float32([float(output.pooling_output[0]), 0.0])

    return Variant(replace(settings))


if __name__ == "__main__":
    run(lambda task: score_with(task, make_engine))
