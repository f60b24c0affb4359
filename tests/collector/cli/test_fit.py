"""`phibench fit`, as a person and as a program reads it."""

from pathlib import Path

import pytest
from command_helpers import envelope, phibench

from collector import models, numbers
from collector.models.synth_gguf import write_gguf
from collector.store import Store
from runners import device
from runners.contract import ModelShape


def fit(cwd: Path, *words: str, code: int = 0) -> str:
    done = phibench("fit", *words, cwd=cwd, code=code)
    return done.stdout if code == 0 else done.stderr


def test_the_answer_for_a_phone_says_predicted_and_what_it_rests_on(tmp_path: Path) -> None:
    text = fit(tmp_path, "--on", "iPhone15,2", "--model", "phi-3-mini-4k", "--context", "2048")
    head, *lines = text.splitlines()
    assert head == (
        "phi-3-mini-4k q4_0 on iPhone 14 Pro (iPhone15,2), 2,048 tokens of context: predicted, not measured"
    )
    assert "memory  needs 2.91 GiB: weights 2.03, KV 0.75, compute 0.09, process 0.05" in lines
    assert "        an app may use 2.05 to 2.80 GiB of 6.00 GiB: does not fit, 0.11 to 0.86 GiB too much" in lines
    assert any("entitlement 3.73 to 3.91 GiB of 6.00 GiB: fits, 0.81 to 1.00 GiB to spare" in line for line in lines)
    assert "        at 2,048 tokens of context 7.00 to 14.2 tokens/s (ceiling 17.5)" in lines
    assert any("bandwidth 51.2 GB/s: seen" in line for line in lines)
    assert any("memory 6.00 GiB: recalled" in line for line in lines)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--on", "iPhone18,1"], "an app's limit is not known on a phone of 12.00 GiB, so neither is whether it fits"),
        (["--on", "DDR5-5600 dual"], "its memory is not known (--memory GIB), so neither is whether it fits"),
        (["--on", "DDR5-5600 dual", "--memory", "16"], "the device has 16.00 GiB, other programs included: fits"),
        (["--on", "M1", "--memory", "16"], "the GPU may use 10.67 GiB of 16.00 GiB by default: fits"),
        (["--on", "iPhone14,5"], "where there were room for it"),
        (["--on", "iPhone15,2", "--context", "512"], "unsure, between 0.30 GiB too much and 0.45 GiB to spare"),
    ],
)
def test_what_is_not_known_or_not_sure_is_said(tmp_path: Path, words: list[str], said: str) -> None:
    assert said in fit(tmp_path, "--model", "phi-3-mini-4k", *words)


def test_programs_get_the_same_with_its_status(tmp_path: Path) -> None:
    words = ["--on", "M1", "--model", "phi-3-mini-4k", "--quant", "mlx_4bit_g64", "--json"]
    data = envelope(phibench("fit", *words, cwd=tmp_path), "fit")
    assert data["status"] == "predicted"
    assert data["need"]["weights_bytes"] == 2_149_644_288
    assert [band["context_tokens"] for band in data["bands"]] == [0, 2048]
    assert [room["verdict"] for room in data["rooms"]] == ["fits", "fits"]
    assert all(basis["status"] for basis in data["bases"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--on", "iPhone15,9", "--model", "phi-3-mini-4k"], "Did you mean 'iPhone15,"),
        (["--on", "M1", "--model", "phi-3-mini"], "Did you mean 'phi-3-mini-4k'?"),
        (["--on", "M1", "--model", "phi-3-mini-4k", "--context", "9000"], "--context 4096"),
        (["--on", "M1", "--model", "phi-3-mini-4k", "--quant", "q3"], "--quant with one of q4_0"),
        (["--on", "M1", "--model", "phi-3-small-8k"], "phibench models list"),
    ],
)
def test_wrong_words_are_answered_with_a_remedy(tmp_path: Path, words: list[str], said: str) -> None:
    assert said in fit(tmp_path, *words, code=2)


def test_here_uses_the_bandwidth_that_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "available_memory_bytes", lambda: 4 << 30)
    measured = {
        "byte_per_s": 4.3e10, "median_byte_per_s": 4e10, "n_threads": 2, "buffer_bytes": 1 << 29, "n_reads": 9,
        "method": "m/1",
    }  # fmt: skip
    with Store.open(str(tmp_path / "p.db")) as store:
        store.record_bandwidth(device.snapshot(), measured)
    text = fit(tmp_path, "--on", "here", "--model", "phi-3-mini-4k")
    assert "free now 4.00 GiB: fits, 1.09 GiB to spare" in text
    assert "bandwidth 43 GB/s: measured" in text


def test_here_measures_when_nothing_is_stored_and_says_when_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHIBENCH_LOCK", str(tmp_path / "lock"))
    assert "GB/s: measured" in fit(tmp_path, "--on", "here", "--model", "phi-3-mini-4k")
    monkeypatch.setenv("PHIBENCH_LOCK", str(tmp_path / "no-folder" / "file" / "lock"))
    (tmp_path / "no-folder").write_text("in the way")
    done = phibench("fit", "--on", "here", "--model", "phi-3-mini-4k", cwd=tmp_path)
    assert "decode  not predicted" in done.stdout
    assert "note: the bandwidth is not known:" in done.stderr


def test_a_file_is_judged_by_its_own_size(tmp_path: Path) -> None:
    shape = ModelShape(
        architecture="llama", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
        context_length=4096, is_tied=False, n_params=1_574_144,
    )  # fmt: skip
    write_gguf(tmp_path / "tiny.gguf", name="tiny", shape=shape, quant="q4_0")
    text = fit(tmp_path, "--on", "M1", "--model", str(tmp_path / "tiny.gguf"))
    size = numbers.size(models.from_path(str(tmp_path / "tiny.gguf")).tensor_bytes)
    assert f"weights {size}: exact; read from the file" in text
    words = ["--on", "M1", "--model", str(tmp_path / "tiny.gguf"), "--quant", "q8_0"]
    assert "leave --quant out" in fit(tmp_path, *words, code=2)
