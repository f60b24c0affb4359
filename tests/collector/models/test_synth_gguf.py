"""Writing beside and renaming: killed writers, writers at the same time, folders that cannot be written."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from collector import catalog, models
from collector.errors import PhibenchError
from collector.models import disk
from collector.models.disk import sweep
from collector.models.recipe import Recipe
from collector.models.synth_gguf import write_gguf
from runners.contract import ModelShape

SHAPE = ModelShape(
    architecture="llama", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=4096, is_tied=False, n_params=1,
)  # fmt: skip

WRITER = """
import sys, time
from pathlib import Path
from collector.models.synth_gguf import write_gguf
from runners.contract import ModelShape
shape = ModelShape(
    architecture="llama", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=4096, is_tied=False, n_params=1,
)
def tell(done, total):
    print(done, flush=True)
    time.sleep(float(sys.argv[2]))
write_gguf(Path(sys.argv[1]), name="tiny", shape=shape, quant="q8_0", on_progress=tell)
"""


def start_writer(path: Path, pause_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-c", WRITER, str(path), str(pause_s)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_in_the_middle(path: Path, number: signal.Signals) -> Path | None:
    """Send a signal to a writer at work; the partial file that it leaves."""
    with start_writer(path, 60) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline()
        writer.send_signal(number)
    return next(path.parent.glob(".*.partial"), None)


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    assert kill_in_the_middle(tmp_path / "x.gguf", signal.SIGINT) is None
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_swept_once_it_is_old(tmp_path: Path) -> None:
    left = kill_in_the_middle(tmp_path / "x.gguf", signal.SIGKILL)
    assert left is not None
    assert sweep(tmp_path) == 0  # young: perhaps a writer that has not locked it yet
    long_ago = time.time() - 3600
    os.utime(left, (long_ago, long_ago))
    write_gguf(tmp_path / "y.gguf", name="tiny", shape=SHAPE, quant="q4_0")
    assert [p.name for p in tmp_path.iterdir()] == ["y.gguf"]


def test_a_living_writer_is_never_swept(tmp_path: Path) -> None:
    with start_writer(tmp_path / "x.gguf", 0.05) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline()
        (partial,) = tmp_path.glob(".*.partial")
        os.utime(partial, (0, 0))
        assert sweep(tmp_path) == 0
        assert partial.exists()
        writer.stdout.read()
    assert writer.returncode == 0
    assert models.from_path(tmp_path / "x.gguf").quant == "q8_0"


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    writers = [start_writer(path, 0.002) for _ in range(3)]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert models.from_path(path).quant == "q8_0"
    assert [p.name for p in tmp_path.iterdir()] == ["x.gguf"]


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"old")

    def stop(n_done: int, n_total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_gguf(path, name="tiny", shape=SHAPE, quant="q4_0", on_progress=stop)
    assert path.read_bytes() == b"old"


def test_others_may_read_it_as_far_as_the_umask_lets_them(tmp_path: Path) -> None:
    write_gguf(tmp_path / "x.gguf", name="tiny", shape=SHAPE, quant="q4_0")
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(PhibenchError, match="cannot be written") as caught:
        write_gguf(tmp_path / "file" / "x.gguf", name="tiny", shape=SHAPE, quant="q4_0")
    assert "PHIBENCH_MODELS" in caught.value.remedy


def test_a_disk_that_fills_up_at_the_last_flush_is_said_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(PhibenchError, match="the disk filled up"):
        write_gguf(tmp_path / "x.gguf", name="tiny", shape=SHAPE, quant="q4_0")
    assert list(tmp_path.iterdir()) == []


def test_a_fault_that_an_early_flush_met_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes = iter([True])

    def once(descriptor: int) -> None:  # as Linux does: a fault is told once
        if next(flushes, False):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk.os, "fsync", once)
    monkeypatch.setattr(disk, "FLUSH_EVERY_S", 0.001)
    with pytest.raises(PhibenchError, match="Input/output error"):
        write_gguf(tmp_path / "x.gguf", name="tiny", shape=SHAPE, quant="q4_0", on_progress=lambda *_: time.sleep(0.01))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("quant", "vocab_size"), [("q9", 512), ("q4_0", 100)])
def test_a_recipe_that_cannot_be_is_refused_before_a_file_is_touched(
    tmp_path: Path, quant: str, vocab_size: int
) -> None:
    with pytest.raises(ValueError, match=r"not known|at least 260"):
        write_gguf(tmp_path / "x.gguf", name="tiny", shape=replace(SHAPE, vocab_size=vocab_size), quant=quant)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Puts one tiny model into the catalogue and the cache into a folder of the test."""
    monkeypatch.setenv("PHIBENCH_MODELS", str(tmp_path / "models"))

    def put(**rope: float) -> None:
        entry = catalog.CatalogModel(
            id="tiny", name="Tiny", family="t", hf_repo="x/y", licence="MIT", is_gated=False, shape=SHAPE, rope=rope
        )
        monkeypatch.setattr(catalog, "models", lambda: {"tiny": entry})

    return put


def test_a_file_of_another_recipe_is_written_anew(tiny: Callable[..., None]) -> None:
    tiny(theta=10_000.0)
    first = models.find_or_synthesise("tiny", "q4_0")
    tiny(theta=500_000.0)
    second = models.find_or_synthesise("tiny", "q4_0")
    assert (first.path, first.n_bytes) == (second.path, second.n_bytes)
    assert first.digest != second.digest
    tiny(theta=10_000.0)
    assert models.find_or_synthesise("tiny", "q4_0") == first


def test_a_synthetic_file_keeps_its_name_wherever_it_lies(tiny: Callable[..., None], tmp_path: Path) -> None:
    tiny()
    path = Path(str(models.find_or_synthesise("tiny", "q4_0").path))
    elsewhere = path.rename(tmp_path / "renamed.gguf")
    ref = models.resolve(str(elsewhere), None, "llama_cpp")
    assert (ref.model, ref.quant, ref.is_synthetic) == ("tiny", "q4_0", True)


def test_removing_takes_one_format_or_all_and_what_was_left_behind(tiny: Callable[..., None]) -> None:
    tiny()
    one, two = (models.find_or_synthesise("tiny", quant) for quant in ("q4_0", "q8_0"))
    assert models.remove("tiny", "q4_0") == one.n_bytes
    assert [ref.quant for ref in models.local()] == ["q8_0"]
    left = models.path_of("tiny", "q4_0").with_name(".tiny-q4_0.gguf.0.partial")
    left.write_bytes(bytes(1000))
    os.utime(left, (0, 0))
    assert two.n_bytes is not None
    assert models.remove("tiny") == two.n_bytes + 1000
    assert models.local() == []
    assert not left.exists()


def test_a_file_in_this_folder_is_a_path_and_a_name_in_the_catalogue_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model.bin", "phi-3-mini-4k"):
        (tmp_path / name).write_bytes(b"x")
    assert models.is_path("model.bin")
    assert not models.is_path("phi-3-mini-4k")
    assert not models.is_path("other.bin")


def test_a_recipes_digest_changes_with_everything_in_it() -> None:
    plain = Recipe(name="a", shape=SHAPE, quant="q4_0")
    others = [
        Recipe(name="b", shape=SHAPE, quant="q4_0"),
        Recipe(name="a", shape=SHAPE, quant="q8_0"),
        Recipe(name="a", shape=SHAPE, quant="q4_0", seed=2),
        Recipe(name="a", shape=SHAPE, quant="q4_0", model="a"),
        Recipe(name="a", shape=SHAPE, quant="q4_0", rope={"theta": 5.0}),
        Recipe(name="a", shape=SHAPE, quant="q4_0", generator_version=1),
    ]
    assert len({plain.digest, *(other.digest for other in others)}) == 7
