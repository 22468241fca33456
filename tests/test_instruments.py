"""Declared metrics become Prometheus' text."""

from __future__ import annotations

from cube.instruments import Instruments, counter, gauge, histogram

DECLARED = (
    gauge("cube_things", "things", "kind"),
    counter("cube_done_total", "what was done"),
    counter("cube_seen_total", "what was seen", read=True),
    histogram("cube_took_seconds", "how long it took", buckets=(0.1, 1.0)),
)


def lines(instruments: Instruments, *readings: object) -> list[str]:
    text = instruments.render(*(readings or ({},))).decode()  # type: ignore[arg-type]
    return [line for line in text.splitlines() if "cube_" in line]


def test_what_is_counted_and_what_is_read_stand_side_by_side() -> None:
    instruments = Instruments(DECLARED)
    instruments.counter("cube_done_total").inc(2)
    took = instruments.histogram("cube_took_seconds").labels()
    for size in (0.1, 0.5, 2.0):
        took.observe(size)

    shown = lines(instruments, {"cube_things": {("big",): 3}, "cube_seen_total": {(): 4}})

    assert shown == [
        "# HELP cube_done_total what was done",
        "# TYPE cube_done_total counter",
        "cube_done_total 2.0",
        "# HELP cube_took_seconds how long it took",
        "# TYPE cube_took_seconds histogram",
        'cube_took_seconds_bucket{le="0.1"} 1.0',  # a bound is part of its bucket
        'cube_took_seconds_bucket{le="1.0"} 2.0',
        'cube_took_seconds_bucket{le="+Inf"} 3.0',
        "cube_took_seconds_count 3.0",
        "cube_took_seconds_sum 2.6",
        "# HELP cube_things things",
        "# TYPE cube_things gauge",
        'cube_things{kind="big"} 3.0',
        "# HELP cube_seen_total what was seen",
        "# TYPE cube_seen_total counter",
        "cube_seen_total 4.0",
    ]


def test_what_was_not_read_has_no_series() -> None:
    assert not [line for line in lines(Instruments(DECLARED)) if line.startswith("cube_things")]


def test_two_daemons_in_one_process_do_not_share_their_counts() -> None:
    one, other = Instruments(DECLARED), Instruments(DECLARED)
    one.counter("cube_done_total").inc()

    assert "cube_done_total 0.0" in lines(other)


def test_a_label_cannot_break_out_of_its_line() -> None:
    shown = lines(Instruments(DECLARED), {"cube_things": {('a"} 1\nevil 2',): 1}})

    assert r'cube_things{kind="a\"} 1\nevil 2"} 1.0' in shown


def test_sizes_are_counted_for_each_label_by_itself() -> None:
    instruments = Instruments((histogram("cube_took_seconds", "how long", "what", buckets=(1.0,)),))
    took = instruments.histogram("cube_took_seconds")
    took.labels("a").observe(0.5)
    took.labels("b").observe(3.0)
    took.labels("a").observe(4.0)

    assert [line for line in lines(instruments) if "_bucket" in line] == [
        'cube_took_seconds_bucket{le="1.0",what="a"} 1.0',
        'cube_took_seconds_bucket{le="+Inf",what="a"} 2.0',
        'cube_took_seconds_bucket{le="1.0",what="b"} 0.0',
        'cube_took_seconds_bucket{le="+Inf",what="b"} 1.0',
    ]
