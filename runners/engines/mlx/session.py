"""One loaded model: prepares a workload, runs it through the timed loops, turns the times into a trace."""

import dataclasses
import functools
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from runners import measuring, prompt
from runners.contract import Granularity, Loaded, ModelRef, Trace, Workload, WorkloadKind
from runners.engines.mlx import calls, faults, library, loading, loop, room, settings, vocabulary
from runners.engines.mlx.calls import Opened
from runners.engines.mlx.folder import Folder
from runners.engines.mlx.loading import Trial
from runners.errors import RunnerError

_SCORE_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A workload made ready: token arrays that are computed already; ``last`` is the prompt's last token."""

    workload: Workload
    depth: tuple[Any, ...]
    chunks: tuple[Any, ...]
    last: Any
    fed: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    """What a timed loop and the clocks round it gave."""

    start_ns: int
    times_ns: Sequence[int]
    cpu_ns: int


class MlxSession:
    """See the module."""

    def __init__(self, opened: Opened, folder: Folder, model: ModelRef, trial: Trial, loaded: Loaded) -> None:
        self.loaded = loaded
        self._opened = opened
        self._api = opened.api
        self._asked = opened.asked
        self._folder = folder
        self._model = model
        self._trial = trial
        self._stream = opened.api.core.new_stream(opened.api.core.default_device())
        self._vocabulary = vocabulary.of_folder(folder, _n_rows(opened.network, folder))
        self._plan: _Plan | None = None
        self._words: Any = None

    def generate(self, workload: Workload) -> Trace:
        """Run the workload once, from an empty cache or from its depth; the cache is a new one each time."""
        plan = self._planned(workload)
        core = self._api.core
        try:
            with core.stream(self._stream):
                core.clear_cache()
                core.reset_peak_memory()
                cache = self._cache_at_depth(plan)
                if workload.kind is WorkloadKind.GENERATION:
                    return self._with_library(plan, self._generation(plan, cache))
                return (
                    self._kernel_prefill(plan, cache) if workload.n_prompt_tokens else self._kernel_decode(plan, cache)
                )
        except RunnerError:
            raise
        except Exception as exc:
            raise faults.of_run(exc) from exc

    def _generation(self, plan: _Plan, cache: list[Any]) -> Trace:
        n = plan.workload.n_generated_tokens
        ids, times_ns = array("i", bytes(4 * n)), array("q", bytes(8 * n))
        core = self._api.core
        run: Callable[..., int] = loop.strict
        if self._asked.loop == settings.HYBRID:
            run = functools.partial(loop.hybrid, submit=core.async_eval)
        chunk, step = calls.chunk(self._opened, cache), calls.step(self._opened, cache)
        with measuring.undisturbed():
            cpu_ns = time.process_time_ns()
            start_ns = run(
                chunk=chunk,
                step=step,
                read=calls.read,
                tidy=core.clear_cache,
                clock=time.perf_counter_ns,
                chunks=plan.chunks,
                last=plan.last,
                ids=ids,
                times_ns=times_ns,
            )
            cpu_ns = time.process_time_ns() - cpu_ns
        times = _Times(start_ns=start_ns, times_ns=times_ns, cpu_ns=cpu_ns)
        return self._trace(plan, cache, times, token_hash=measuring.hash_of(ids))

    def _kernel_prefill(self, plan: _Plan, cache: list[Any]) -> Trace:
        chunk, finish = calls.chunk(self._opened, cache), calls.finish(self._opened, cache)
        with measuring.undisturbed():
            cpu_ns = time.process_time_ns()
            start_ns, end_ns = loop.prefill(
                chunk=chunk, finish=finish, clock=time.perf_counter_ns, chunks=plan.chunks, last=plan.last
            )
            cpu_ns = time.process_time_ns() - cpu_ns
        return self._trace(plan, cache, _Times(start_ns=start_ns, times_ns=(end_ns,), cpu_ns=cpu_ns))

    def _kernel_decode(self, plan: _Plan, cache: list[Any]) -> Trace:
        finish, times_ns = calls.finish(self._opened, cache), array("q", bytes(8 * len(plan.fed)))
        with measuring.undisturbed():
            cpu_ns = time.process_time_ns()
            start_ns = loop.decode_given(finish=finish, clock=time.perf_counter_ns, tokens=plan.fed, times_ns=times_ns)
            cpu_ns = time.process_time_ns() - cpu_ns
        return self._trace(plan, cache, _Times(start_ns=start_ns, times_ns=times_ns, cpu_ns=cpu_ns))

    def _trace(self, plan: _Plan, cache: list[Any], times: _Times, token_hash: str | None = None) -> Trace:
        workload = plan.workload
        is_total = not workload.n_generated_tokens
        is_ahead = self._asked.loop == settings.HYBRID and workload.kind is WorkloadKind.GENERATION
        return Trace(
            t0_ns=times.start_ns,
            dt_ns=tuple(time_ns - times.start_ns for time_ns in times.times_ns),
            granularity=Granularity.TOTAL if is_total else Granularity.TOKEN,
            n_tokens=(0,) if is_total else None,
            n_prompt_tokens=workload.n_prompt_tokens,
            n_cached_tokens=workload.n_depth_tokens,
            token_hash=token_hash,
            cpu_time_ns=times.cpu_ns,
            are_gaps_exact=not is_ahead,
            engine_reported={
                **loading.counters(self._api),
                "prompt_cache_bytes": loading.cache_bytes(cache),
                "prompt_cache_offset": loading.cache_offset(cache),
            },
        )

    def _with_library(self, plan: _Plan, trace: Trace) -> Trace:
        """The trace with the library's figures for the same workload beside, where they are asked for."""
        if not self._asked.library_figures:
            return trace
        if self._words is None:
            self._words = library.tokenizer(self._folder)
        ids = [token for part in (*plan.chunks, plan.last) for token in part.tolist()]
        n, cache = plan.workload.n_generated_tokens, self._cache_at_depth(plan)
        found = library.figures(self._opened, self._words, ids, n, cache)
        return dataclasses.replace(trace, engine_reported={**trace.engine_reported, "mlx_lm": found})

    def _cache_at_depth(self, plan: _Plan) -> list[Any]:
        """
        A new cache, filled to the workload's depth, untimed.

        The depth is computed anew each time: a cache that was cut back keeps its grown buffers, and a copy would show
        in the peak of memory.
        """
        cache = self._opened.new_cache()
        chunk = calls.chunk(self._opened, cache)
        for part in plan.depth:
            chunk(part)
        return cache

    def _planned(self, workload: Workload) -> _Plan:
        if self._plan is not None and self._plan.workload == workload:
            return self._plan
        self._check_room(workload)
        tokens = prompt.tokens(workload, self._vocabulary, self._model)
        self._check_tokens(tokens)
        depth, fed = tokens[: workload.n_depth_tokens], tokens[workload.n_depth_tokens :]
        has_prompt = workload.n_prompt_tokens > 0
        self._plan = _Plan(
            workload=workload,
            depth=self._parts(depth, self._asked.prefill_step_size),
            chunks=self._parts(fed[:-1], self._asked.prefill_step_size) if has_prompt else (),
            last=self._parts(fed[-1:], 1)[0] if has_prompt else None,
            fed=() if has_prompt else self._parts(fed, 1),
        )
        return self._plan

    def _parts(self, tokens: Sequence[int], size: int) -> tuple[Any, ...]:
        core = self._api.core
        parts = tuple(core.array(tokens[start : start + size]) for start in range(0, len(tokens), size))
        core.eval(parts)
        return parts

    def _check_room(self, workload: Workload) -> None:
        n = workload.n_context_tokens
        loading.check_room(n, self._folder.context_length)
        if n > self._asked.n_ctx:
            raise settings.refusal(
                f"{workload.n_depth_tokens:,} tokens of depth, {workload.n_prompt_tokens:,} of prompt and "
                f"{workload.n_generated_tokens:,} to generate are {n:,}; "
                f"the context has room for {self._asked.n_ctx:,}",
                f"leave n_ctx out, set it to {n}, or choose a shorter workload",
            )
        room.check(self._least_bytes(workload), f"a context of {n:,} tokens")

    def _least_bytes(self, workload: Workload) -> int:
        """
        What a generation holds at its largest, at least.

        The cache twice, as it grows by copying, and on the CPU the attention scores of one part of the prompt for all
        heads of a layer.
        """
        cache_bytes = 2 * (self._trial.kv_bytes_for(workload.n_context_tokens) or 0)
        n_heads = self._folder.config.get("num_attention_heads")
        if self._api.backend != "cpu" or type(n_heads) is not int:
            return cache_bytes
        n_before = workload.n_depth_tokens + workload.n_prompt_tokens
        return cache_bytes + min(self._asked.prefill_step_size, n_before) * n_before * n_heads * _SCORE_BYTES

    def _check_tokens(self, tokens: Sequence[int]) -> None:
        """The library would read past the end of its embedding, and give rubbish or crash."""
        if min(tokens) < 0 or max(tokens) >= self._vocabulary.n_tokens:
            raise settings.refusal(
                f"token ids from {min(tokens)} to {max(tokens)} do not fit a vocabulary of {self._vocabulary.n_tokens}",
                "the model's tokenizer and its weights do not belong together",
            )


def _n_rows(network: Any, folder: Folder) -> int:
    """
    Rows of the embedding: a token id is an index into them, and the library does not check it.

    Raises:
        RunnerUnavailable: neither the model nor its config tells.
    """
    found = (m for name, m in network.named_modules() if name.rpartition(".")[2] in {"embed_tokens", "wte"})
    embedding = next(found, None)
    if embedding is not None:
        return int(embedding.weight.shape[0])
    if folder.vocab_size is None:
        message = f"the size of the vocabulary of this {folder.model_type} is not known"
        raise settings.refusal(message, "write vocab_size into its config.json")
    return folder.vocab_size
