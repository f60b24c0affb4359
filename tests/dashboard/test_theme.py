"""Colours: read with ease by anyone, in both themes, also at the 60 % at which Streamlit draws captions."""

import pytest

from dashboard.theme import DARK, LIGHT, Palette, options, palette, symbol

THEMES = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
CAPTION_ALPHA = 0.6


def channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def luminance(rgb: tuple[float, float, float]) -> float:
    """Source: WCAG 2.2, relative luminance."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str, alpha: float = 1.0) -> float:
    """Of a colour drawn on another one, as far as it is opaque."""
    under = channels(other)
    drawn = [alpha * a + (1 - alpha) * b for a, b in zip(channels(one), under, strict=True)]
    light, dark = sorted((luminance((drawn[0], drawn[1], drawn[2])), luminance(under)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_itself() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert contrast("#000000", "#FFFFFF", alpha=0.0) == pytest.approx(1.0)


@THEMES
def test_text_is_read_on_both_grounds_and_captions_too(colours: Palette) -> None:
    for ground in (colours.background, colours.second):
        for text in (colours.text, colours.muted, colours.link):
            assert contrast(text, ground) >= 4.5, (text, ground)
        assert contrast(colours.text, ground, CAPTION_ALPHA) >= 4.5, ground


@THEMES
def test_words_of_verdicts_are_read_beside_and_on_the_band(colours: Palette) -> None:
    for word in (colours.faster, colours.slower, colours.equivalent, colours.inconclusive):
        for ground in (colours.background, colours.band):
            assert contrast(word, ground) >= 4.5, (word, ground)


@THEMES
def test_marks_stand_out(colours: Palette) -> None:
    for mark in (*colours.devices, colours.axis, colours.primary):
        assert contrast(mark, colours.background) >= 3.0, mark


@THEMES
def test_no_two_devices_have_one_colour(colours: Palette) -> None:
    assert len(set(colours.devices)) == len(colours.devices)


def test_engines_have_a_symbol_each_and_an_unknown_theme_is_light() -> None:
    assert len({symbol(engine) for engine in ("llama_cpp", "mlx", "fake", "replay", "another")}) == 5
    assert palette(None) == LIGHT
    assert palette("dark") == DARK


def test_both_themes_are_told_to_streamlit() -> None:
    found = options()
    assert found["theme.light.backgroundColor"] == LIGHT.background
    assert found["theme.dark.textColor"] == DARK.text
