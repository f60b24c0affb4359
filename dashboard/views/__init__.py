"""The pages, one a file, in the order of the navigation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageFile:
    """A page: its file and what the navigation calls it."""

    file: str
    title: str
    is_default: bool = False


PAGES = (
    PageFile("overview", "Overview", is_default=True),
    PageFile("compare", "Compare"),
    PageFile("latency", "Latency"),
    PageFile("memory", "Memory"),
    PageFile("sustained", "Sustained"),
    PageFile("roofline", "Roofline"),
    PageFile("trade_off", "Trade-off"),
    PageFile("history", "History"),
    PageFile("runs", "Runs"),
    PageFile("method", "Method"),
)
"""The order is that of the questions: what came out, why, and how far it can be trusted."""
