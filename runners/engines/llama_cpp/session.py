"""One loaded model: prepares a workload, runs it through the timed loops, turns the times into a trace."""

import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runners import measuring, prompt
from runners.contract import Granularity, Loaded, ModelRef, Trace, Workload, WorkloadKind
from runners.engines.llama_cpp import binding, evidence, faults, loading, loop
from runners.errors import FailureKind, RunnerUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Handles:
    """What the library gave us."""

    model: Any
    context: Any
    sampler: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A workload made ready: token arrays stay referenced, as the batches only point to them."""

    workload: Workload
    depth: tuple[Any, ...]
    prompt: tuple[Any, ...]
    fed: tuple[int, ...]
    keep: tuple[Any, ...]


class LlamaCppSession:
    """See the module."""

    def __init__(self, api: Any, handles: Handles, model: ModelRef, loaded: Loaded) -> None:
        self.loaded = loaded
        self._api = api
        self._handles = handles
        self._model = model
        self._memory = api.llama_get_memory(handles.context)
        self._vocabulary = loading.vocabulary(api, handles.model)
        self._slot = (api.llama_token * 1)()
        self._batch_of_one = api.llama_batch_get_one(self._slot, 1)
        self._plan: _Plan | None = None
        self._n_kept_tokens = 0
        self._has_checked_logits = False

    def generate(self, workload: Workload) -> Trace:
        """Run the workload once, from an empty context or from its depth."""
        plan = self._planned(workload)
        self._stand_at_depth(plan)
        self._api.llama_perf_context_reset(self._handles.context)
        self._api.llama_perf_sampler_reset(self._handles.sampler)
        if workload.kind is WorkloadKind.GENERATION:
            trace = self._generation(plan)
        else:
            trace = self._kernel_prefill(plan) if workload.n_prompt_tokens else self._kernel_decode(plan)
        self._check_logits_once()
        return trace

    def _generation(self, plan: _Plan) -> Trace:
        n = plan.workload.n_generated_tokens
        ids, times_ns = array("i", bytes(4 * n)), array("q", bytes(8 * n))
        api, handles = self._api, self._handles
        with measuring.undisturbed():
            cpu_ns = time.process_time_ns()
            start_ns, code = loop.generate(
                decode=api.llama_decode,
                sample=api.llama_sampler_sample,
                clock=time.perf_counter_ns,
                context=handles.context,
                sampler=handles.sampler,
                prompt=plan.prompt,
                batch=self._batch_of_one,
                slot=self._slot,
                ids=ids,
                times_ns=times_ns,
            )
            cpu_ns = time.process_time_ns() - cpu_ns
        self._check(code)
        return self._trace(plan, start_ns, times_ns, cpu_ns, token_hash=measuring.hash_of(ids))

    def _kernel_prefill(self, plan: _Plan) -> Trace:
        api, context = self._api, self._handles.context
        with measuring.undisturbed():
            cpu_ns = time.process_time_ns()
            start_ns, end_ns, code = loop.prefill(
                decode=api.llama_decode,
                synchronize=api.llama_synchronize,
                clock=time.perf_counter_ns,
                context=context,
                batches=plan.prompt,
            )
            cpu_ns = time.process_time_ns() - cpu_ns
        self._check(code)
        return self._trace(plan, start_ns, (end_ns,), cpu_ns)

    def _kernel_decode(self, plan: _Plan) -> Trace:
        times_ns = array("q", bytes(8 * len(plan.fed)))
        api, context = self._api, self._handles.context
        with measuring.undisturbed():
            cpu_ns = time.process_time_ns()
            start_ns, code = loop.decode_given(
                decode=api.llama_decode,
                synchronize=api.llama_synchronize,
                clock=time.perf_counter_ns,
                context=context,
                batch=self._batch_of_one,
                slot=self._slot,
                tokens=plan.fed,
                times_ns=times_ns,
            )
            cpu_ns = time.process_time_ns() - cpu_ns
        self._check(code)
        return self._trace(plan, start_ns, times_ns, cpu_ns)

    def _trace(
        self, plan: _Plan, start_ns: int, times_ns: Sequence[int], cpu_ns: int, token_hash: str | None = None
    ) -> Trace:
        is_total = not plan.workload.n_generated_tokens
        return Trace(
            t0_ns=start_ns,
            dt_ns=tuple(time_ns - start_ns for time_ns in times_ns),
            granularity=Granularity.TOTAL if is_total else Granularity.TOKEN,
            n_tokens=(0,) if is_total else None,
            n_prompt_tokens=plan.workload.n_prompt_tokens,
            n_cached_tokens=plan.workload.n_depth_tokens,
            token_hash=token_hash,
            cpu_time_ns=cpu_ns,
            engine_reported=self._counters(),
        )

    def _planned(self, workload: Workload) -> _Plan:
        if self._plan is not None and self._plan.workload == workload:
            return self._plan
        self._check_room(workload)
        tokens = prompt.tokens(workload, self._vocabulary, self._model)
        self._check_tokens(tokens)
        depth, depth_arrays = self._batches(tokens[: workload.n_depth_tokens])
        fed = tokens[workload.n_depth_tokens :]
        parts, arrays = self._batches(fed if workload.n_prompt_tokens else [])
        self._n_kept_tokens = 0
        self._plan = _Plan(workload=workload, depth=depth, prompt=parts, fed=tuple(fed), keep=(*depth_arrays, *arrays))
        return self._plan

    def _batches(self, tokens: Sequence[int]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Batches of at most what the context takes at once (more would abort), and the arrays they point to."""
        size = self._api.llama_n_batch(self._handles.context)
        parts = [tokens[start : start + size] for start in range(0, len(tokens), size)]
        arrays = tuple((self._api.llama_token * len(part))(*part) for part in parts)
        return tuple(self._api.llama_batch_get_one(arr, len(arr)) for arr in arrays), arrays

    def _stand_at_depth(self, plan: _Plan) -> None:
        """
        Empty the context and fill it to the workload's depth, untimed.

        A depth that stands there from the generation before is kept and what came after it cut off: a saved copy of
        the state would show in the peak of memory.
        """
        api, context, depth = self._api, self._handles.context, plan.workload.n_depth_tokens
        if depth and self._n_kept_tokens == depth and api.llama_memory_seq_rm(self._memory, 0, depth, -1):
            return
        api.llama_memory_clear(self._memory, False)
        code = 0
        for batch in plan.depth:
            code = code or api.llama_decode(context, batch)
        api.llama_synchronize(context)
        self._check(code)
        self._n_kept_tokens = depth

    def _check_room(self, workload: Workload) -> None:
        room = self._api.llama_n_ctx_seq(self._handles.context)
        if workload.n_context_tokens > room:
            raise RunnerUnavailable(
                FailureKind.UNSUPPORTED,
                f"{workload.n_depth_tokens:,} tokens of depth, {workload.n_prompt_tokens:,} of prompt and "
                f"{workload.n_generated_tokens:,} to generate are {workload.n_context_tokens:,}; "
                f"the context has room for {room:,}",
                f"leave n_ctx out, set it to {workload.n_context_tokens}, or choose a shorter workload",
            )

    def _check_tokens(self, tokens: Sequence[int]) -> None:
        if min(tokens) < 0 or max(tokens) >= self._vocabulary.n_tokens:
            raise RunnerUnavailable(
                FailureKind.UNSUPPORTED,
                f"token ids from {min(tokens)} to {max(tokens)} do not fit a vocabulary of {self._vocabulary.n_tokens}",
                "the model's tokenizer and its weights do not belong together",
            )

    def _check(self, code: int) -> None:
        if code:
            self._n_kept_tokens = 0
            raise faults.of_decode(code, evidence.first_error(binding.LOG))

    def _check_logits_once(self) -> None:
        """Damaged weights are refused by nobody else: they load, and greedy sampling takes NaN without a word."""
        if self._has_checked_logits:
            return
        row = self._api.llama_get_logits_ith(self._handles.context, -1)[: self._vocabulary.n_tokens]
        fault = loading.fault_of_logits(row)
        if fault is not None:
            raise faults.of_logits(fault)
        self._has_checked_logits = True

    def _counters(self) -> dict[str, float | int]:
        """The library's own times and counts of this generation, under its own names."""
        context = self._api.llama_perf_context(self._handles.context)
        sampler = self._api.llama_perf_sampler(self._handles.sampler)
        names = ("t_p_eval_ms", "t_eval_ms", "n_p_eval", "n_eval", "n_reused")
        found = {name: getattr(context, name) for name in names}
        return {**found, "t_sample_ms": sampler.t_sample_ms, "n_sample": sampler.n_sample}
