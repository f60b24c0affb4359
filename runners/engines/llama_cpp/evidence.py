"""
What is in effect, read from the library's log. Pure: lines in, values out.

Sizes in the log are MiB with two decimals, so they are exact to about 5 KB; exact weights come from the library's own
call. A line that is not there leaves its value unknown.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WARNING, ERROR = 3, 4
_MIB = 1 << 20
_GPU_MEMORY = "kIOGPUCommandBufferCallbackErrorOutOfMemory"
_BUFFER = re.compile(r"^\w+:\s+(?P<name>\S+)\s+(?P<what>model|KV|compute|output) buffer size =\s*(?P<mib>[\d.]+) MiB")
_CPU_BUFFERS = re.compile(r"^(CPU|AMX|BLAS|ACCEL)")
_GPUS = (
    ("CUDA", "cuda"),
    ("Metal", "metal"),
    ("MTL", "metal"),
    ("Vulkan", "vulkan"),
    ("ROCm", "rocm"),
    ("SYCL", "sycl"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one load said of itself; ``buffers`` are (name, kind of memory, bytes), in order."""

    load_mode: str | None
    is_flash_attn_on: bool | None
    kv_type_k: str | None
    kv_type_v: str | None
    repack_kinds: tuple[str, ...]
    n_repacked_tensors: int
    n_gpu_layers: int | None
    n_graph_splits: int | None
    buffers: tuple[tuple[str, str, int], ...]
    warnings: tuple[str, ...]

    def n_bytes(self, what: str) -> int | None:
        """Bytes of all buffers of one kind: model, KV, compute, output."""
        sizes = [size for _, kind, size in self.buffers if kind == what]
        return sum(sizes) if sizes else None

    @property
    def backend(self) -> str | None:
        """Where the weights lie: "cpu" unless a GPU holds some of them; a buffer of 0 bytes holds none."""
        names = [name for name, kind, size in self.buffers if kind == "model" and size]
        on_gpu = [name for name in names if not _CPU_BUFFERS.match(name) and not name.endswith("_Host")]
        if not on_gpu:
            return "cpu" if names else None
        known = [word for prefix, word in _GPUS for name in on_gpu if name.startswith(prefix)]
        return known[0] if known else on_gpu[0].lower()


def read(log: Iterable[tuple[int, str]]) -> Evidence:
    """Evidence from the messages (level, text) of one load."""
    lines = [(level, text.rstrip()) for level, text in log]
    texts = [text for _, text in lines]
    kinds = [found for text in texts for found in re.findall(r"repack tensor \S+ with (\S+)", text)]
    layers = _last(texts, r"offloaded (\d+)/\d+ layers to GPU")
    splits = _last(texts, r"graph: nodes = \d+, splits = (\d+)")
    return Evidence(
        load_mode=_last(texts, r"\(load_mode = ([\w+]+)\)") or _load_mode_of_switches(texts),
        is_flash_attn_on=_flash_attention(texts),
        kv_type_k=_last(texts, r"^llama_kv_cache: size = .*, K \((\w+)\)"),
        kv_type_v=_last(texts, r"^llama_kv_cache: size = .*, V \((\w+)\)"),
        repack_kinds=tuple(sorted(set(kinds))),
        n_repacked_tensors=len(kinds),
        n_gpu_layers=int(layers) if layers else None,
        n_graph_splits=int(splits) if splits else None,
        buffers=tuple(_buffers(texts)),
        warnings=tuple(dict.fromkeys(text for level, text in lines if level == WARNING and text))[:20],
    )


def first_error(log: Iterable[tuple[int, str]]) -> str | None:
    """
    The first error in the log: the cause; those after it only repeat that something failed.

    Metal is the exception: its first line says that a command buffer failed, its second one why.
    """
    errors = [text.strip() for level, text in log if level == ERROR and text.strip()]
    return next((text for text in errors if _GPU_MEMORY in text), errors[0] if errors else None)


def _flash_attention(texts: Sequence[str]) -> bool | None:
    """In effect: what auto came to, else what was asked, since a forced value is never changed."""
    resolved = _last(
        texts, r"^\w+: Flash Attention (?:was auto, set to )?(enabled|disabled|not supported)"
    )  # the middle words in versions up to 0.3.30 at least
    asked = _last(texts, r"^llama_context: flash_attn\s+= (\w+)")
    word = resolved or asked
    return {"enabled": True, "not supported": False, "disabled": False}.get(word) if word else None


def _load_mode_of_switches(texts: Sequence[str]) -> str | None:
    """As older versions say it; whether the memory is locked they do not tell."""
    mapped = _last(texts, r"\(mmap = (true|false)")
    direct = _last(texts, r"\(mmap = \w+, direct_io = (true|false)")
    return {"true": "mmap", "false": "dio" if direct == "true" else "none"}.get(mapped) if mapped else None


def _buffers(texts: Sequence[str]) -> Iterable[tuple[str, str, int]]:
    for found in filter(None, map(_BUFFER.match, texts)):
        yield found["name"], found["what"], round(float(found["mib"]) * _MIB)


def _last(texts: Sequence[str], pattern: str) -> str | None:
    found = [match.group(1) for match in map(re.compile(pattern).search, texts) if match]
    return found[-1] if found else None
