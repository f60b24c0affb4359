"""
MLX through mlx-lm's library: folders of safetensors on Apple silicon (Metal), or on Linux with MLX's CPU backend.

It loads with mlx-lm and generates with loops of its own, as mlx-lm's generator takes a token's time a step late. It
refuses what the library would accept in silence (ids outside the vocabulary, more positions than a model has), runs no
code that comes with a model, looks nothing up on the network, and reports what is in effect.

2026-11-25: ``loop=strict`` is the default: the time of every token is exact, and so is what the other engines give.
The price, some graph building that is not hidden behind the computation, is in docs/mlx.md with its measurement.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from runners.contract import EngineFacts, ModelRef, Option, Scalar
from runners.engines.mlx import binding, faults, folder, loading, settings
from runners.engines.mlx.calls import Opened
from runners.engines.mlx.session import MlxSession


class MlxEngine:
    """See the module."""

    name: ClassVar[str] = "mlx"
    distribution: ClassVar[str | None] = binding.DISTRIBUTION
    formats: ClassVar[tuple[str, ...]] = ("mlx",)
    is_simulated: ClassVar[bool] = False
    options: ClassVar[Mapping[str, Option]] = settings.OPTIONS

    def unavailable_because(self) -> str | None:
        """Wrong platform, or a package that is missing; nothing is imported."""
        return binding.unavailable_because()

    def how_to_install(self) -> str:
        """The command for this platform: on Linux, MLX comes with a group of its own."""
        return binding.how_to_install()

    def facts(self) -> EngineFacts:
        """Versions, the device, and the hash of the library that computes."""
        found = binding.versions()
        version = found.get(binding.DISTRIBUTION)
        return EngineFacts(engine=self.name, version=version, build=binding.build(), packages=found)

    @contextmanager
    def open(self, model: ModelRef, options: Mapping[str, Scalar]) -> Iterator[MlxSession]:
        """The model with its weights in memory, given back however it is left."""
        asked = settings.resolve(options)
        where = folder.read(model)
        api = binding.api()
        before_bytes, started_ns = api.core.get_active_memory(), time.perf_counter_ns()
        with loading.loaded_model(api, where, model, asked) as network:
            load_s = (time.perf_counter_ns() - started_ns) / 1e9
            memory = loading.counters(api)
            trial = loading.tried(api, network, asked, where.model_type)
            if trial.fault is not None:
                raise faults.of_logits(trial.fault)
            opened = Opened(api=api, network=network, asked=asked, kv_group_size=trial.kv_group_size)
            weights_bytes = memory["active_memory"] - before_bytes
            loaded = loading.read_back(opened, where, trial, load_s=load_s, weights_bytes=weights_bytes, memory=memory)
            yield MlxSession(opened, where, model, trial, loaded)
