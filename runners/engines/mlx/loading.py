"""A model from settings, and what is in effect once it is there, read back from the engine's own arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from runners.contract import Flag, Loaded, ModelRef, Scalar
from runners.engines.mlx import binding, faults, room, settings
from runners.engines.mlx.binding import Api
from runners.engines.mlx.calls import Opened
from runners.engines.mlx.folder import Folder
from runners.engines.mlx.settings import FLOAT32, STORED, Settings
from runners.errors import RunnerError

_FIRST_TOKEN = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """
    What one token through the model showed.

    ``kv_bytes`` of a cache with room for ``n_kv_positions``; both None where layers keep something else than keys and
    values, or only the newest of them.
    """

    fault: str | None
    compute_dtype: str
    kv_group_size: int | None
    kv_bytes: int | None
    n_kv_positions: int | None

    def kv_bytes_for(self, n_tokens: int) -> int | None:
        """Bytes of a cache that holds so many tokens; it grows by whole steps of positions."""
        if self.kv_bytes is None or not self.n_kv_positions:
            return None
        return self.kv_bytes * -(-n_tokens // self.n_kv_positions)


@contextmanager
def loaded_model(api: Api, folder: Folder, model: ModelRef, asked: Settings) -> Iterator[Any]:
    """
    The model with its weights in memory, given back when left.

    The weights are read lazily and converted one by one: converting a loaded model would hold both copies.

    Raises:
        RunnerError: typed from what the library raised.
    """
    check_room(asked.n_ctx, folder.context_length)
    room.check(_least_bytes(api, folder, asked), f"the weights of {model.model}")
    core = api.core
    core.clear_cache()
    core.reset_peak_memory()
    holder: list[Any] = []
    try:
        network, _ = api.load_model(folder.path, lazy=True, trust_remote_code=False)
        if is_converted(api, asked.compute_dtype):
            network.set_dtype(core.float32)
        core.eval(network.parameters())
        holder.append(network)
    except RunnerError:
        raise
    except Exception as exc:
        raise faults.of_load(exc, folder, model) from exc
    del network
    core.clear_cache()
    try:
        yield holder[0]
    finally:
        holder.clear()
        core.clear_cache()


def _least_bytes(api: Api, folder: Folder, asked: Settings) -> int:
    """Weights in memory: of 4 bits a ninth is 16-bit scales and biases, which take twice the room as float32."""
    return folder.tensor_bytes + (folder.tensor_bytes // 9 if is_converted(api, asked.compute_dtype) else 0)


def is_converted(api: Api, compute_dtype: str) -> bool:
    """Whether scales and activations become float32: asked for, or not said on the CPU, where 16 bits crawl."""
    if compute_dtype == STORED:
        return False
    return compute_dtype == FLOAT32 or api.backend == "cpu"


def check_room(n_ctx: int, n_trained: int | None) -> None:
    """
    Refuse a context longer than the model was made for; the library would compute on.

    Raises:
        RunnerUnavailable: of kind unsupported.
    """
    if n_trained is not None and n_trained < n_ctx:
        raise settings.refusal(
            f"a context of {n_ctx:,} tokens is asked, and the model is made for {n_trained:,}",
            "choose shorter workloads, or a variant of the model with a longer context",
        )


def tried(api: Api, network: Any, asked: Settings, model_type: str) -> Trial:
    """
    One token through the model: whether its logits make sense, and what its cache is like.

    Damaged weights are refused by nobody else: they load, and greedy sampling takes NaN without a word.

    Raises:
        RunnerError: the model cannot be computed, or its cache not be quantised.
    """
    core = api.core
    try:
        cache = api.make_prompt_cache(network)
        logits = network(core.array([[_FIRST_TOKEN]]), cache=cache)[0, -1]
        core.eval(logits, [layer.state for layer in cache])
        plain = [layer for layer in cache if type(layer).__name__ == "KVCache"]
        dtype = str(plain[0].keys.dtype if plain else logits.dtype).rpartition(".")[2]
        group = None if asked.kv_bits is None else _group_of(plain, n_layers=len(cache), asked=asked)
        if group is not None:
            api.quantise_cache(cache, 0, group, asked.kv_bits)
            core.eval([layer.state for layer in cache])
        is_plain = len(plain) == len(cache)
        return Trial(
            fault=fault_of_logits(api, logits, may_be_masked=model_type == "phi3small"),
            compute_dtype=dtype,
            kv_group_size=group,
            kv_bytes=cache_bytes(cache) if is_plain else None,
            n_kv_positions=int(plain[0].keys.shape[2]) if is_plain else None,
        )
    except RunnerError:
        raise
    except Exception as exc:
        raise faults.of_run(exc) from exc


def _group_of(plain: list[Any], *, n_layers: int, asked: Settings) -> int:
    if len(plain) != n_layers:
        raise settings.refusal("the cache of this model cannot be quantised", "leave out kv_bits")
    dims = {int(array.shape[-1]) for layer in plain for array in (layer.keys, layer.values)}
    return settings.kv_group_size(asked.kv_group_size, dims)


def fault_of_logits(api: Api, logits: Any, *, may_be_masked: bool = False) -> str | None:
    """
    What is wrong with one row of logits; None if they are finite and not all equal.

    Args:
        may_be_masked: the model takes tokens out by a logit of minus infinity, as phi3small does.
    """
    core = api.core
    is_finite = core.isfinite(logits)
    if may_be_masked:
        is_finite = is_finite | core.isneginf(logits)
    if not bool(core.all(is_finite).item()):
        return "not finite"
    lowest, highest = core.min(logits), core.max(logits)
    return "all equal" if float(lowest.item()) == float(highest.item()) else None


def cache_bytes(cache: list[Any]) -> int | None:
    """Bytes of all layers; None where a kind of layer does not tell."""
    try:
        return sum(int(layer.nbytes) for layer in cache)
    except (AttributeError, NotImplementedError):
        return None


def cache_offset(cache: list[Any]) -> int | None:
    """Positions that were computed into the first layer that counts them."""
    offsets = (getattr(layer, "offset", None) for layer in cache)
    return next((offset for offset in offsets if type(offset) is int), None)


def wire(api: Api) -> int | None:
    """
    Keep the model's memory resident on Metal, as mlx-lm's own generation does; the limit in effect, None elsewhere.

    The library tells a limit only when it is set, so it is set twice.
    """
    recommended = api.core.device_info().get("max_recommended_working_set_size")
    if recommended is None or api.backend != "metal":
        return None
    api.core.set_wired_limit(recommended)
    return int(api.core.set_wired_limit(recommended))


def counters(api: Api) -> dict[str, int]:
    """The library's own counters of memory, under its own names; the peak is that since it was last reset."""
    core = api.core
    return {
        "active_memory": core.get_active_memory(),
        "cache_memory": core.get_cache_memory(),
        "peak_memory": core.get_peak_memory(),
    }


def read_back(
    opened: Opened, folder: Folder, trial: Trial, *, load_s: float, weights_bytes: int, memory: dict[str, int]
) -> Loaded:
    """Everything that is in effect now; ``memory`` is what the library counted when the load ended."""
    api, asked = opened.api, opened.asked
    backend = api.backend
    flags = [Flag.CPU_FALLBACK] if binding.IS_MAC and backend == "cpu" else []
    if folder.is_synthetic:
        flags.append(Flag.SYNTHETIC)
    return Loaded(
        load_s=load_s,
        weights_bytes=weights_bytes,
        kv_bytes=trial.kv_bytes_for(asked.n_ctx),
        backend=backend,
        n_threads=1 if backend == "cpu" else None,
        options={
            "n_ctx": asked.n_ctx,
            "loop": asked.loop,
            "prefill_step_size": asked.prefill_step_size,
            "kv_bits": asked.kv_bits,
            "kv_group_size": trial.kv_group_size,
            "quantized_kv_start": asked.quantized_kv_start if asked.kv_bits else None,
            "compute_dtype": trial.compute_dtype,
            "wired_limit_bytes": wire(api),
            "library_figures": asked.library_figures,
        },
        model=_model_facts(api, opened.network, folder),
        flags=tuple(flags),
        engine_reported={**memory, "memory_limit": api.core.get_memory_limit(), "device_info": _device_info(api)},
    )


def _device_info(api: Api) -> dict[str, Any]:
    return {str(name): value for name, value in api.core.device_info().items() if isinstance(value, int | float | str)}


def _model_facts(api: Api, network: Any, folder: Folder) -> dict[str, Scalar | None]:
    quantised = next((layer for layer in _leaves(network) if hasattr(layer, "bits")), None)
    return {
        "model_type": folder.model_type,
        "n_layers": len(getattr(network, "layers", ())) or None,
        "n_params": int(api.n_parameters(network)),
        "tensor_bytes": folder.tensor_bytes,
        "n_files": folder.n_files,
        "vocab_size": folder.vocab_size,
        "context_length": folder.context_length,
        "bits": None if quantised is None else int(quantised.bits),
        "group_size": None if quantised is None else int(quantised.group_size),
        "is_synthetic": folder.is_synthetic,
    }


def _leaves(network: Any) -> Iterator[Any]:
    return (module for _, module in network.named_modules())
