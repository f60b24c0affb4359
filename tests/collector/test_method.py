"""A bounded share of the proofs of the method; tests/benchmarks/method.py has the full counts."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from method_claims import CLAIMS, Claim, Finding

N_EXPERIMENTS = 400
PAGE = Path(__file__).resolve().parents[2] / "docs" / "method.md"


@pytest.mark.parametrize(
    "claim", [pytest.param(c, marks=pytest.mark.slow if c.is_heavy else (), id=c.name) for c in CLAIMS]
)
def test_the_method_keeps_its_word(claim: Claim) -> None:
    finding = claim.find(N_EXPERIMENTS)
    assert claim.holds(finding), f"{claim.says}: {finding.observed:.3f}, {claim.sense} {finding.bound}"


@pytest.mark.parametrize(
    ("sense", "observed", "is_kept"),
    [
        ("is", 0.949, True), ("is", 0.925, True), ("is", 0.920, False), ("is", 0.980, False),
        ("at least", 0.925, True), ("at least", 0.920, False), ("at least", 0.999, True),
        ("at most", 0.975, True), ("at most", 0.980, False), ("at most", 0.100, True),
    ],
)  # fmt: skip
def test_a_bar_is_missed_by_more_than_two_and_a_half_standard_errors(
    sense: str, observed: float, is_kept: bool
) -> None:
    claim = replace(CLAIMS[0], sense=sense, bound=0.95)  # type: ignore[arg-type]
    assert claim.holds(Finding(observed=observed, n=400, bound=0.95, se=0.0109)) is is_kept


def test_what_a_finding_says_of_its_experiments() -> None:
    claim = replace(CLAIMS[0], bound=0.9, experiment=lambda seed: seed % 4 > 0)
    finding = claim.find(400)
    assert (finding.observed, finding.n, finding.bound) == (0.75, 400, 0.9)
    assert finding.se == pytest.approx(0.015)
    assert not claim.holds(finding)
    mean = replace(claim, bound=None, experiment=lambda seed: 0.4 + 0.2 * (seed % 2)).find(100)
    assert (mean.observed, mean.se) == (pytest.approx(0.5), pytest.approx(0.1 / 99**0.5, rel=1e-3))


def test_no_two_claims_share_their_seeds() -> None:
    firsts = [replace(claim, experiment=float).find(2).observed for claim in CLAIMS]
    assert len({claim.name for claim in CLAIMS}) == len(set(firsts)) == len(CLAIMS)


def test_the_table_in_the_document_has_every_claim() -> None:
    (table,) = re.findall(r"<!-- simulation -->\n(.*?)<!-- /simulation -->", PAGE.read_text(), re.DOTALL)
    rows = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")]
    assert rows[1:] == [claim.says for claim in CLAIMS]
