"""The benchmark's own figures: cases as data, medians, ratios, tables, meters."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from bench import meter
from bench.cases import CASES, LIFTED, SHIPPED, cases_of
from bench.ground import dns_settings
from bench.hotspots import listing
from bench.subject_relevo import RelevoSubject
from bench.summary import ratios, summarise
from bench.table import render
from bench.trial import Run
from mta.settings import load_settings
from mta.shaping.rules import Shaping

CASE = cases_of("a")[0]
FACTS = {
    "cpu": "x",
    "cores": 2,
    "memory_mib": 1024,
    "kernel": "6",
    "python": "3.11",
    "sqlite": "3.40",
    "sync_ms": {"median": 0.3, "p99": 0.5, "max": 1.0},
    "file_system": "ext4",
    "data_dir": "/var/tmp/x",
    "load_average": [0.1],
    "version": "abc",
}


def run(subject="relevo", **changes) -> Run:
    run = Run("a", subject, 100)
    run.accepted = run.delivered = 100
    run.acceptance_ms = run.delivery_ms = {"p50": 1.0, "p99": 2.0}
    return replace(run, **changes)


def report(rows):
    return {"machine": FACTS, "summary": rows, "ratios": ratios(rows), "left_out": []}


def test_keys_of_cases_are_unique():
    keys = [case.key for case in CASES]
    assert len(set(keys)) == len(keys)


def test_an_unknown_case_is_told_with_those_that_exist():
    with pytest.raises(ValueError, match=r"expected some of a,.*not 'nope'"):
        cases_of("a,nope")


def test_slower_subjects_get_fewer_messages_but_enough_to_fill_all_connections():
    assert CASE.load_for("relevo", 20_000).messages == 20_000
    assert CASE.load_for("postfix", 20_000).messages == 5_000
    assert CASE.load_for("postfix", 400).messages == 200
    assert cases_of("c")[0].load_for("naive", 20_000).messages == 1_000


@pytest.mark.parametrize("path", [LIFTED, SHIPPED], ids=["lifted", "shipped"])
def test_the_limits_of_the_runs_are_valid(path):
    Shaping.load(path)


def test_the_settings_of_a_run_are_valid(tmp_path):
    class Ground:
        directory = tmp_path
        certificate = tmp_path / "certificate.pem"
        key = tmp_path / "key.pem"
        nameserver = "127.0.53.1:53"
        mx_port = 2500

    Ground.certificate.touch()
    Ground.key.touch()
    RelevoSubject(Ground())._configure(tmp_path, is_signed=True)
    settings = load_settings(tmp_path / "relevo.toml", {}).settings
    assert settings.delivery.port == 2500
    assert settings.server.data_dir == tmp_path / "queue"


def test_every_test_domain_has_a_mail_exchanger_with_an_address():
    lines = dns_settings("127.0.53.1:53", as_root=False).splitlines()
    assert "mx-host=d0021.test,mx01.test,10" in lines
    assert "host-record=mx01.test,127.0.1.2" in lines


def test_a_row_holds_median_and_spread_and_adds_up_what_went_wrong():
    runs = [run(delivered_s=value, lost=1) for value in (300.0, 100.0, 200.0)]
    row = summarise(CASE, "relevo", runs)
    assert row["delivered_s"] == {"median": 200.0, "min": 100.0, "max": 300.0}
    assert row["lost"] == 3
    assert not row["is_sound"]


def test_a_run_is_sound_only_when_all_was_taken_and_arrived_once_and_whole():
    assert run().is_sound
    for wrong in (
        {"accepted": 99},
        {"lost": 1},
        {"duplicates": 1},
        {"damaged": 1},
        {"problems": ["x"]},
    ):
        assert not run(**wrong).is_sound


def test_ratios_compare_relevo_with_each_other_subject_of_the_same_case():
    rows = [
        summarise(CASE, "relevo", [run(delivered_s=4000.0, cpu_s_per_1000=0.3)]),
        summarise(CASE, "postfix", [run("postfix", delivered_s=400.0, cpu_s_per_1000=3.0)]),
    ]
    assert ratios(rows) == [{"case": "a", "against": "postfix", "delivered_s": 10.0, "cpu": 10.0}]


def test_there_is_no_ratio_against_a_run_that_delivered_nothing():
    rows = [
        summarise(CASE, "relevo", [run(delivered_s=4000.0)]),
        summarise(CASE, "postfix", [run("postfix")]),
    ]
    assert ratios(rows) == []


def test_the_table_names_case_figures_and_what_was_wrong():
    row = summarise(CASE, "relevo", [run(delivered_s=1234.0, problems=["it broke"])])
    text = render(report([row]))
    assert CASE.title in text
    assert "1,234" in text
    assert "a relevo: WRONG: it broke" in text


def test_a_loaded_machine_is_told_beside_the_figures():
    quiet = render(report([summarise(CASE, "relevo", [run(other_cores=0.1)])]))
    busy = render(report([summarise(CASE, "relevo", [run(other_cores=0.5)])]))
    assert "others used the machine" not in quiet
    assert "others used the machine" in busy


def test_hot_spots_are_shares_of_all_looks_with_callers_counted_once():
    samples = (
        "thread (1): Main;f (a.py:1);g (b.py:2);f (a.py:3) 30\nthread (1): Main;f (a.py:9) 10\n"
    )
    lines = list(listing(samples, looks=100))
    assert lines[0] == "thread (1): Main: 40.0 % of 100 looks"
    assert "    40.0  f (a.py)" in lines
    assert "    30.0  g (b.py)" in lines


def test_a_tree_of_processes_holds_the_children_of_its_root():
    with subprocess.Popen(["sleep", "30"]) as child:
        try:
            assert {os.getpid(), child.pid} <= set(meter.tree([os.getpid()]))
            assert meter.tree([child.pid]) == [child.pid]
        finally:
            child.kill()


def test_cpu_of_an_ended_child_stays_with_its_parent():
    before = meter.cpu_s([os.getpid()])
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    assert meter.cpu_s([os.getpid()]) - before >= 0.15


def test_a_process_that_is_gone_costs_nothing():
    with subprocess.Popen(["true"]) as child:
        pass
    assert meter.cpu_s([child.pid]) == 0
    assert meter.written_bytes([child.pid]) == 0
    assert meter.memory_bytes([child.pid]) == (0, 0)
