"""
The proofs of the method in full: simulated runs with known truth, held against what docs/method.md promises.

python -P tests/benchmarks/method.py [--experiments N] [--only TEXT] [--write]

Ends with 1 when a bar is missed by more than 2.5 standard errors of the simulation. With 2,000 experiments a claim this
simulates some four million launches, which takes ten to fifteen minutes. Where a level has to be met from both sides
five times as many are made: such a bar is missed by chance twice as often. ``--write`` puts the table into
docs/method.md.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "collector"))

from method_claims import CLAIMS, Claim, Finding  # found by the line above

PAGE = Path(__file__).resolve().parents[2] / "docs" / "method.md"
BEGIN, END = "<!-- simulation -->\n", "<!-- /simulation -->"
EXACT_FACTOR = 5
HEAD = "| claim | bar | observed | experiments |\n|---|---|---|---|\n"


def bar(claim: Claim) -> str:
    if claim.bound is None:
        return "none"
    words = {"is": "", "at least": "at least ", "at most": "at most "}[claim.sense]
    return f"{words}{100 * claim.bound:.1f} %"


def row(claim: Claim, finding: Finding) -> str:
    missed = "" if claim.holds(finding) else " **missed**"
    observed = f"{100 * finding.observed:.1f} ± {100 * finding.se:.1f} %{missed}"
    return f"| {claim.says} | {bar(claim)} | {observed} | {finding.n:,} |\n"


def write(table: str) -> None:
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table}{END}{rest.split(END)[1]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument("--only", default="", help="claims whose words hold this text")
    parser.add_argument("--write", action="store_true", help="into docs/method.md; not together with --only")
    asked = parser.parse_args()
    if asked.write and asked.only:
        parser.error("--write needs every claim")
    begun, table, n_missed = time.monotonic(), HEAD, 0
    print(HEAD, end="")
    for claim in CLAIMS:
        if asked.only in claim.says:
            finding = claim.find(asked.experiments * (EXACT_FACTOR if claim.sense == "is" else 1))
            n_missed += not claim.holds(finding)
            line = row(claim, finding)
            print(line, end="", flush=True)
            table += line
    print(f"{n_missed} missed; {time.monotonic() - begun:.0f} s")
    if asked.write:
        write(table)
    return 1 if n_missed else 0


if __name__ == "__main__":
    sys.exit(main())
