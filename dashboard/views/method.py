"""Method: how small a difference this machine can show, how it is measured, and what every word and number means."""

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from collector import numbers
from collector.compare import Noise
from collector.compare.findings import ratio as ratio_text
from collector.compare.noise import noise_of, shows_frac
from collector.metrics import METRICS
from collector.queries import FLAG_MEANING, CellResult
from dashboard import data, method, parts, rows, sides, state, theme, verdicts
from dashboard.charts.caption import Caption
from dashboard.charts.forest import verdict_text
from dashboard.charts.noise import NoiseBlock, noise

TITLE = "How phibench measures, and when it says faster"
_RECENT_RUNS = 40  # of a device, from which its noise is taken
_BLOCKS = (6, 10, 20)


def main() -> None:
    """Draw the page."""
    parts.need_readable()
    devices = _devices()
    if devices:
        _noise(devices)
    else:
        parts.head(TITLE, "Nothing was measured yet, so how noisy this machine is is unknown.")
        st.code("phibench quickstart", language="sh")
    _words()
    _metrics()
    parts.done()


def _devices() -> dict[str, str]:
    """By fingerprint the names of the devices that something was measured on, the last first."""
    if not data.is_there():
        return {}
    return {one.fingerprint: one.device or one.fingerprint for one in data.series() if one.fingerprint}


def _noise(devices: dict[str, str]) -> None:
    """The noise floor of one device: a finding, every block of A against A, and what it takes."""
    chosen = state.choose(
        "Device", list(devices), "device", default=_usual(devices), shown=devices.__getitem__, width=260
    )
    cells = rows.of_first_kind(data.cells(data.runs_on([chosen], _RECENT_RUNS)))
    known = noise_of(cells, [cell for cell in cells if rows.fingerprint(cell) == chosen and cell.n_launches])
    floors = {metric: one for metric, one in known.items() if one.floor}
    name = rows.marked(devices[chosen], [flag for cell in cells for flag in cell.flags])
    if not floors:
        parts.head(TITLE, f"How small a difference {name} can show is unknown; this measures it:")
        st.code("phibench noise", language="sh")
        return
    _noise_head(floors, name)
    metric = state.choose("Metric", list(floors), "metric", shown=numbers.header, width=260)
    _noise_chart(floors[metric], metric, sides.noise_blocks(cells, metric), _colour(chosen), cells)
    parts.table([_noise_row(metric, one) for metric, one in known.items() if one.floor or one.sessions], "noise")


def _usual(devices: dict[str, str]) -> str:
    """The device of the newest run of an arm against itself, else the one measured last."""
    for run in data.runs():
        arms = [str(arm) for arm in run.plan.get("arms", ())]
        if len(set(arms)) < len(arms):
            found = next((rows.fingerprint(cell) for cell in data.cells([run.id]) if rows.fingerprint(cell)), None)
            return found if found in devices else next(iter(devices))
    return next(iter(devices))


def _noise_head(floors: dict[str, Noise], name: str) -> None:
    shares = {m: one.floor.floor_frac for m, one in floors.items() if one.floor and one.floor.floor_frac}
    words = ", ".join(f"{verdicts.short(metric)} ±{100 * share:.1f} %" for metric, share in shares.items())
    title = (
        f"Below this, a difference on {name} is noise: {words}" if words else f"Too few blocks for a floor on {name}"
    )
    parts.head(title, "A against A: one arm run against itself as any two are compared, so the true ratio is 1.")


def _colour(fingerprint: str) -> str:
    return rows.device_colours(data.series(), parts.palette())[fingerprint]


def _noise_chart(
    known: Noise, metric: str, blocks: Sequence[NoiseBlock], colour: str, cells: Sequence[CellResult]
) -> None:
    floor = known.floor
    if floor is None or not blocks:
        return
    title = f"{verdicts.short(metric)}, A / A of one block (log scale)"
    engine = next((cell.arm.engine for cell in cells if cell.run_id == floor.run_id), "")
    figure = noise(
        blocks, floor.ratio, floor.floor_frac, parts.palette(), axis_title=title, colour=colour,
        symbol=theme.symbol(engine),
    )  # fmt: skip
    words = f"{title}: {numbers.count(len(blocks), 'block')}, the newest run {ratio_text(floor.ratio)}"
    caption = Caption(
        title=f"A against A: {verdicts.short(metric)} ratio of every block",
        lines=(
            rows.marked(rows.device_name(cells[0]), [flag for cell in cells for flag in cell.flags]),
            f"the bar below: the interval of run {floor.run_id}, {floor.measured_at_utc[:10]}",
        ),
    )
    launch = parts.chart(figure, "noise-blocks", words, caption, is_selectable=True)
    st.caption(
        state.escaped(
            f"A dot a block, all runs of an arm against itself. The bar below is the interval of the newest, run "
            f"{floor.run_id} of {floor.measured_at_utc[:10]}; the floor, in grey, is its farther end, both ways."
        )
    )
    if launch:
        parts.launch_link(launch)


def _noise_row(metric: str, one: Noise) -> dict[str, Any]:
    floor = one.floor
    return {
        "metric": numbers.header(metric),
        "floor ±%": _percent(floor.floor_frac if floor else None),
        "A/A ratio": ratio_text(floor.ratio) if floor else None,
        "sd of a block %": _percent(floor.log_sd if floor else None),
        **{f"shown by {n} blocks ±%": _percent(shows_frac(floor, n) if floor else None) for n in _BLOCKS},
        "sd from run to run %": _percent(one.sessions.sd if one.sessions else None),
        "runs": one.n_runs,
        "blocks": floor.ratio.n if floor else None,
        "date": floor.measured_at_utc[:10] if floor else None,
        "run": floor.run_id if floor else None,
    }


def _percent(frac: float | None) -> float | None:
    return None if frac is None else round(100 * frac, 2)


def _words() -> None:
    parts.section("What is done")
    _listed(method.DESIGN.items())
    parts.section("Verdicts")
    _listed((verdict_text(verdict), text) for verdict, text in method.VERDICTS.items())
    parts.section("Words of doubt")
    _listed((str(flag), text) for flag, text in FLAG_MEANING.items())
    parts.section("Other words")
    _listed(method.TERMS.items())
    parts.section("What is not claimed")
    st.markdown("\n".join(f"- {text}" for text in method.LIMITS))


def _listed(items: Iterable[tuple[str, str]]) -> None:
    st.markdown("\n".join(f"- **{state.escaped(word)}**: {state.escaped(text)}" for word, text in items))


def _metrics() -> None:
    parts.section("Every metric")
    st.caption("Two numbers are compared only where their definitions are equal; a changed formula is a new version.")
    found = [
        {
            "name": one.name,
            "unit": one.unit,
            "better": one.better or "neither",
            "definition": one.definition,
            "version": one.version,
            "from": "one measured iteration" if one.level == "sample" else "the whole launch",
            "of": "sustained launches" if one.is_sustained else ", ".join(sorted(map(str, one.is_for))),
        }
        for one in METRICS
    ]
    parts.table(found, "metrics")


main()
