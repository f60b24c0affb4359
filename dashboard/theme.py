"""
Every colour, size and font, for light and dark; the options that make Streamlit look the same.

Source:
    contrast and colour blindness checked by ``tests/dashboard/test_theme.py``: text 4.5:1, marks 3:1, also at the 60 %
    at which Streamlit draws captions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

FONT = '"Source Sans", "Segoe UI", Roboto, sans-serif'
ROW_LABEL_PX, BODY_PX, TICK_PX = 14, 13, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one theme; ``devices`` in the order in which devices appear, the same on every page."""

    background: str
    second: str
    text: str
    muted: str
    axis: str
    grid: str
    border: str
    band: str
    primary: str
    link: str
    faster: str
    slower: str
    equivalent: str
    inconclusive: str
    devices: tuple[str, ...]


LIGHT = Palette(
    background="#FFFFFF", second="#F4F6F8", text="#0B151D", muted="#4A5763", axis="#8A96A1", grid="#E3E8ED",
    border="#D5DBE1", band="#E6EEF7", primary="#1D4ED8", link="#1D4ED8", faster="#1D4ED8", slower="#B54708",
    equivalent="#0B151D", inconclusive="#5F6B76",
    devices=("#1D4ED8", "#E0600A", "#00574A", "#B0306A", "#3A8FB7", "#6B4E00"),
)  # fmt: skip
DARK = Palette(
    background="#0F151C", second="#18212B", text="#E6EDF3", muted="#9AA7B4", axis="#5A6875", grid="#222C37",
    border="#2A3541", band="#182635", primary="#4EA3E8", link="#6CB6FF", faster="#6CB6FF", slower="#FF9A52",
    equivalent="#E6EDF3", inconclusive="#8C99A6",
    devices=("#4EA3E8", "#E06A1E", "#3DDC97", "#CC79A7", "#BFE3FF", "#D9C24A"),
)  # fmt: skip

SYMBOLS: Mapping[str, str] = {"llama_cpp": "circle", "mlx": "diamond", "fake": "square", "replay": "x"}
"""One symbol an engine, the same on every page; an unknown engine gets a triangle."""

ANOTHER_SYMBOL = "triangle-up"


def palette(kind: str | None) -> Palette:
    """The palette of a theme by Streamlit's word for it; light where it says nothing."""
    return DARK if kind == "dark" else LIGHT


def symbol(engine: str) -> str:
    """The marker of an engine."""
    return SYMBOLS.get(engine, ANOTHER_SYMBOL)


def options() -> dict[str, object]:
    """Streamlit's options for both themes, so that nobody needs a file of settings."""
    found: dict[str, object] = {
        "theme.font": "sans-serif",
        "theme.baseFontSize": 15,
        "theme.headingFontSizes": ["1.75rem", "1.25rem", "1.1rem", "1rem", "1rem", "1rem"],
        "theme.baseRadius": "6px",
        "theme.buttonRadius": "6px",
    }
    for name, colours in (("light", LIGHT), ("dark", DARK)):
        found |= {
            f"theme.{name}.primaryColor": colours.primary,
            f"theme.{name}.backgroundColor": colours.background,
            f"theme.{name}.secondaryBackgroundColor": colours.second,
            f"theme.{name}.textColor": colours.text,
            f"theme.{name}.linkColor": colours.link,
            f"theme.{name}.borderColor": colours.border,
            f"theme.{name}.dataframeBorderColor": colours.border,
            f"theme.{name}.dataframeHeaderBackgroundColor": colours.second,
            f"theme.{name}.chartCategoricalColors": list(colours.devices),
        }
    return found
