"""What comes from elsewhere reaches the terminal as a text and nothing else."""

import unicodedata

import pytest

from runners.texts import printable


@pytest.mark.parametrize(
    ("text", "one_line", "lines"),
    [
        ("Zoë 👩\u200d💻 手机", "Zoë 👩\u200d💻 手机", "Zoë 👩\u200d💻 手机"), ("a\nb\tc", "a b c", "a\nb\tc"),
        ("a\r\x1b[2Jb", "a [2Jb", "a[2Jb"), ("\u202eexe\u2066", "exe", "exe"), ("\x9b1m\x7f\x00\x07", "1m", "1m"),
    ],
)  # fmt: skip
def test_controls_go_and_writing_stays(text: str, one_line: str, lines: str) -> None:
    assert printable(text) == one_line
    assert printable(text, is_one_line=False) == lines


def test_no_control_is_forgotten() -> None:
    controls = "".join(chr(i) for i in range(0x110000) if unicodedata.category(chr(i)) in {"Cc", "Zl", "Zp"})
    assert not printable(controls).strip(" ")
    assert set(printable(controls, is_one_line=False)) <= {"\n", "\t", "\u2028", "\u2029"}


def test_texts_are_found_wherever_they_are() -> None:
    found = {"a\x1b": [1, None, True, "b\x1b", {"c": ("d\x1b",)}]}
    assert printable(found) == {"a": [1, None, True, "b", {"c": ("d",)}]}
