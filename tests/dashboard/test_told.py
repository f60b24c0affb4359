"""What is taken away as CSV: numbers as numbers, words joined, a mark where spreadsheets need one."""

import csv
import io
from collections.abc import Callable

from dashboard_helpers import open_page

from collector.compare import Estimate
from collector.queries import Reader
from dashboard import needs, parts, rows
from dashboard.told import Told, for_file, told

FOUND = Estimate(value=8.432, low=8.3, high=8.56, n=10, method="exact")


def read(given: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(given.decode("utf-8-sig"), newline="")))


def test_a_value_is_shown_as_words_and_taken_away_as_numbers() -> None:
    word = told("8.43 ± 0.13", "decode_tok_per_s", FOUND)
    assert word == "8.43 ± 0.13"
    (row,) = for_file([{"decode tok/s": word}])
    assert row == {"decode_tok_per_s": 8.432, "decode_tok_per_s_ci_low": 8.3, "decode_tok_per_s_ci_high": 8.56}


def test_a_blank_among_words_makes_no_column_and_doubts_are_joined() -> None:
    given = [
        {
            "verdict": Told("▲ faster", {"verdict": "faster"}),
            "ratio": told("1.2", "ratio", FOUND),
            "doubt": ["hot", "a"],
        },
        {"verdict": None, "ratio": None, "doubt": []},
    ]
    found = read(parts.csv_bytes(given))
    assert [row["doubt"] for row in found] == ["hot; a", ""]
    assert [row["verdict"] for row in found] == ["faster", ""]
    assert list(found[0]) == ["verdict", "ratio", "ratio_ci_low", "ratio_ci_high", "doubt"]


def test_only_what_is_more_than_ascii_has_a_byte_order_mark() -> None:
    assert parts.csv_bytes([{"a": "plain"}]) == b"a\r\nplain\r\n"
    assert parts.csv_bytes([{"a": "±"}]).startswith(b"\xef\xbb\xbf")


def test_the_table_of_memory_gives_bytes_with_their_interval(database: Callable[[str], str]) -> None:
    with Reader.open(database("simulated")) as reader:
        cells = [cell for cell in reader.cells(["lap1"]) if cell.values.get("peak_rss_bytes")]
    taken = read(parts.csv_bytes(needs.table(cells)))
    for row, cell in zip(taken, cells, strict=True):
        found = cell.estimate("peak_rss_bytes")
        assert found is not None
        assert float(row["peak_rss_bytes"]) == found.value
        assert row["launches"] == str(cell.n_launches + cell.n_failed)
        assert row["doubt"] == "; ".join(cell.flags)
        assert rows.launches(cell)["of them failed"] == cell.n_failed


def test_launches_that_are_named_in_a_table_lead_to_their_pages(database: Callable[[str], str]) -> None:
    at = open_page("compare", database("simulated"), run="lap1")
    named = next(one.value for one in at.dataframe if "A launch" in one.value)
    assert all(one.startswith("/runs?launch=lap1/") for one in named["A launch"])
