"""The alert rules and the dashboard: Prometheus takes them, and every metric in them exists."""

import json
import re
import subprocess

import pytest
import yaml

from rm_ray.pairs import summary as pairs
from rm_ray.run.standing import metrics
from rm_ray.run.standing.metrics import Metric
from rm_ray.score import summary as score
from rm_ray.status.prometheus import LOOKED_AT, NIGHTLY, RUN
from tests.prometheus import DASHBOARD, ROOT, queries, tool

ALERTS = ROOT / "deploy" / "alerts.yaml"
NAME = re.compile(r"\b(?:ray_)?rm_ray_\w+")


def known():
    """Every metric under the name that Prometheus has it by."""
    ours = [one for module in (metrics, score, pairs) for one in vars(module).values()]
    by_drivers = {
        f"ray_{one.name}{'_total' if one.counter else ''}"
        for one in ours
        if isinstance(one, Metric)
    }
    return by_drivers | RUN.keys() | NIGHTLY.keys() | {LOOKED_AT}


def rules():
    return [
        rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
    ]


def promtool(*words):
    done = subprocess.run(
        [tool("promtool"), *words], cwd=ROOT / "deploy", capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_the_rules_are_rules():
    status, said = promtool("check", "rules", "alerts.yaml")
    assert status == 0 and f"{len(rules())} rules found" in said, said


def test_the_rules_do_what_their_own_tests_say():
    status, said = promtool("test", "rules", "alerts_test.yaml")
    assert status == 0 and "SUCCESS" in said, said


def test_each_rule_is_tested_both_ways():
    tests = yaml.safe_load((ROOT / "deploy" / "alerts_test.yaml").read_text())["tests"]
    cases = [case for one in tests for case in one["alert_rule_test"]]
    for rule in rules():
        own = [bool(case.get("exp_alerts")) for case in cases if case["alertname"] == rule["alert"]]
        assert set(own) == {True, False}, rule["alert"]


@pytest.mark.parametrize(
    "query", [rule["expr"] for rule in rules()] + [q for own in queries().values() for q in own]
)
def test_every_metric_in_a_query_exists(query):
    used = set(NAME.findall(query))
    assert used and used <= known(), used - known()


def test_every_metric_of_a_driver_is_on_the_dashboard():
    shown = set(NAME.findall(" ".join(q for own in queries().values() for q in own)))
    beside = {"ray_rm_ray_chunks_total", "ray_rm_ray_generated_pairs_total"}
    assert {name for name in known() if name.startswith("ray_")} - shown == beside


def test_the_panels_do_not_lie_over_each_other():
    taken = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert not cells & taken and at["x"] + at["w"] <= 24
        taken |= cells
