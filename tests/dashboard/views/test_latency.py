"""Latency: first tokens, the gaps between tokens, one launch; and words where single gaps cannot be told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dashboard_helpers import CHAT, array, figure_specs, open_page, plan, ref, texts
from evidence_helpers import make_events, make_job, run_record

from collector.queries import Reader
from collector.store import Store
from runners.contract import Granularity, Trace
from runners.wire import to_wire

Database = Callable[[str], str]
MS = 1_000_000


def plain(text: str) -> str:
    return text.replace("\\", "")


def chart(specs: list[dict], unit: str) -> dict:  # type: ignore[type-arg]
    return next(one for one in specs if unit in str(one["layout"]["xaxis"]["title"]["text"]))


def with_traces(path: Path, *traces: Trace) -> str:
    """A database of one launch that left these traces after its warm-up."""
    with Store.open(str(path), is_bulk=True) as store:
        store.begin_run(run_record("one1", plan=to_wire(plan("phi-3-mini-4k", n_blocks=1))))
        job = make_job("one1/1", model=ref("phi-3-mini-4k"), workload=CHAT)
        store.begin_launch(job, run_id="one1", block=0, position=0, arm_index=0)
        store.accept(job.launch_id, make_events(traces[0], *traces))
        store.end_block("one1", 0)
        store.end_run("one1", "all blocks done")
    return str(path)


def test_first_tokens_are_the_estimates_of_the_cells(database: Database) -> None:
    at = open_page("latency", database("simulated"), on="laptop")
    with Reader.open(database("simulated")) as reader:
        cells = [c for c in reader.cells(["aa1", "lap4"]) if c.arm.model == "phi-3-mini-4k"]
    lines = {trace["name"]: trace for trace in chart(figure_specs(at), "tokens of the prompt")["data"]}
    phi = lines[cells[0].arm.label]
    by_length = dict(zip(array(phi["x"]), array(phi["y"]), strict=True))
    assert set(by_length) == {64, 512}, "the newest run of each"
    for cell in (
        next(c for c in cells if c.run_id == "aa1"),
        next(c for c in cells if c.workload.n_prompt_tokens == 512),
    ):
        estimate = cell.estimate("ttft_s")
        assert estimate is not None
        assert by_length[cell.workload.n_prompt_tokens] == pytest.approx(estimate.value)
    assert "laptop: first token" in plain(at.title[0].value)
    assert "simulated" in at.caption[0].value


def test_the_pooled_curve_holds_every_gap_and_percentiles_that_cannot_be_told_say_so(database: Database) -> None:
    at = open_page("latency", database("simulated"), on="laptop", cell="phi-3-mini-4k q4_0 fake, chat 64+32")
    curves = chart(figure_specs(at), "gap between tokens")["data"]
    pooled = max((trace for trace in curves if trace["mode"] == "lines"), key=lambda trace: len(array(trace["x"])))
    assert len(array(pooled["x"])) == 8 * 31
    assert len([trace for trace in curves if trace["mode"] == "lines"]) == 8 + 1
    assert [trace["hovertemplate"][3:6] for trace in curves if trace["mode"] == "markers"] == ["p50"]
    assert "p95 and p99 are not told: they need 60 and 300 gaps a launch, here are 31" in plain(texts(at))
    assert "0 stalls" in texts(at)


def test_with_enough_gaps_all_percentiles_stand_with_their_interval(database: Database) -> None:
    at = open_page("latency", database("many tokens"))
    spec = chart(figure_specs(at), "gap between tokens")
    assert [trace["hovertemplate"][3:6] for trace in spec["data"] if trace["mode"] == "markers"] == [
        "p50",
        "p95",
        "p99",
    ]
    assert sum(len(array(trace["x"])) for trace in spec["data"]) <= 20_000 + 3
    assert "not told" not in texts(at)
    assert all(at.dataframe[0].value["gap p99 ms"].str.contains("±"))


def test_a_link_opens_the_launch_that_it_names_and_says_what_it_could_not_apply(database: Database) -> None:
    at = open_page("latency", database("simulated"), on="laptop", cell="no such cell", arm="phi-3-mini-4k q4_0 fake")
    assert "no such cell" in plain("".join(one.value for one in at.info))
    launches = at.selectbox(key="shown").options
    assert len(launches) == 8
    assert set(at.dataframe[0].value["arm"]) == {"phi-3-mini-4k q4_0 fake"}
    at = open_page("latency", database("simulated"), on="laptop", arm="phi-3-mini-4k q4_0 fake", shown=launches[3])
    labels = [str(link.proto.label) for link in at.get("page_link")]
    assert any(label.startswith(f"Launch {launches[3]}:") for label in labels)


def test_several_tokens_at_once_have_no_gaps_of_their_own(tmp_path: Path) -> None:
    times = (100 * MS, 200 * MS, 300 * MS)
    chunked = Trace(t0_ns=0, dt_ns=times, n_tokens=(1, 4, 4), granularity=Granularity.CHUNK, n_prompt_tokens=64)
    at = open_page("latency", with_traces(tmp_path / "c.db", chunked))
    assert "chunked" in plain("".join(one.value for one in at.info))
    assert len(figure_specs(at)) == 1, "the first token alone"


def test_an_engine_that_works_ahead_is_not_asked_for_single_gaps(tmp_path: Path) -> None:
    ahead = Trace(
        t0_ns=0, dt_ns=tuple(i * 50 * MS for i in range(1, 33)), n_prompt_tokens=64, are_gaps_exact=False
    )  # fmt: skip
    at = open_page("latency", with_traces(tmp_path / "a.db", ahead))
    assert "gaps_inexact" in plain("".join(one.value for one in at.info))
    assert at.dataframe[0].value["gap p50 ms"].isna().all()


def test_a_stall_is_counted_and_marked(tmp_path: Path) -> None:
    times = [100, 150, 200, 250, 900, 950, 1000, 1050]
    at = open_page(
        "latency",
        with_traces(tmp_path / "s.db", Trace(t0_ns=0, dt_ns=tuple(t * MS for t in times), n_prompt_tokens=64)),
    )
    assert "1 stall (a gap of more than four medians) among 7 gaps of 1 launch" in plain(texts(at))
    marked = [t for t in chart(figure_specs(at), "generated token")["data"] if "stall" in t["hovertemplate"]]
    assert [list(array(trace["y"])) for trace in marked] == [[650]]
    assert list(array(marked[0]["x"])) == [5]


@pytest.mark.parametrize("kind", ["no rows", "one row", "only failures"])
def test_where_there_is_little_it_says_what_to_do(kind: str, database: Database) -> None:
    at = open_page("latency", database(kind))
    if kind == "one row":
        assert "·n=1" in plain(texts(at))
    else:
        assert any("phibench" in one.value for one in at.code)
