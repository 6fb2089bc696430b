"""Rules, Holm's step-down, folding, what stands: on groups with answers known by hand."""

from datetime import date, timedelta

import numpy as np
import pytest

from rm_ray.report.compare.alerts import fired, holm, verdict
from rm_ray.report.compare.baseline import BaselineGroup
from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.compare.groups import group_figures, usual_figures
from rm_ray.report.compare.rules import CANDIDATES, Candidate, candidates
from rm_ray.report.compare.usual import LEAST_NIGHTS
from rm_ray.report.config import AlertsConfig
from rm_ray.report.figures import Mix, MixGroup
from rm_ray.report.measure.nights import GroupNight
from tests.report.compare.group_nights import group, past, steady

RNG = np.random.default_rng(0)
NAN = float("nan")
USUAL = RNG.normal(0, 1, 2000)


def compared(label, rewards, before=USUAL, nights=5, failed=0, history=None) -> Comparison:
    history = steady(label) if history is None else history
    baseline = None
    if before is not None:
        came = tuple(one.documents for one in history)
        baseline = BaselineGroup(group(label, before), nights, history=history, came=came)
    return Comparison.of(group(label, rewards, failed), baseline, "night")


def alerts(*comparisons, **rules) -> set[tuple[str | None, str]]:
    by_label = {one.tonight.label: one for one in comparisons}
    found, _, _ = fired(by_label, AlertsConfig.model_validate(rules))
    return {one.key for one in found}


QUIET = compared('["a"]', RNG.normal(0, 1, 400))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        (compared('["b"]', RNG.normal(0.6, 1, 400)), "drift"),
        (compared('["b"]', RNG.normal(0, 0.2, 400)), "spread"),
        (compared('["b"]', RNG.normal(0, 1, 150)), "volume"),
        (compared('["b"]', RNG.normal(0, 1, 390), failed=20), "failed"),
        (compared('["b"]', []), "missing"),
        (compared('["b"]', RNG.normal(0, 1, 50), before=[]), "new"),
    ],
)
def test_each_rule_speaks_of_what_it_is_for(changed, rule):
    found = alerts(QUIET, changed)
    assert ('["b"]', rule) in found
    assert {label for label, _ in found} == {'["b"]'}
    # a narrower distribution is another one too, and fewer documents have fewer tokens
    also = {('["b"]', {"volume": "tokens"}.get(rule, "drift"))}
    assert found - {('["b"]', rule)} <= also
    assert not alerts(QUIET, changed, **{rule: {"level": "ignore"}}) - also


def test_an_effect_that_does_not_matter_is_no_alert():
    """Of many documents, every difference is beyond chance."""
    many = compared('["b"]', RNG.normal(0.1, 1, 20_000), before=RNG.normal(0, 1, 100_000))
    assert many.p("wasserstein") < 1e-6
    assert alerts(QUIET, many) == set()
    assert alerts(QUIET, many, drift={"above": 0.05}) == {('["b"]', "drift")}


def test_an_effect_of_few_documents_is_no_alert():
    """Chance alone takes eight documents 0.4 sd away, and two of ten expected may not come."""
    few = compared(
        '["b"]', [0.9, 0.8, -0.2, 0.7, 0.6, -0.9, 1.1, 0.2], before=USUAL[:40], history=()
    )
    assert few.effects.wasserstein > 0.3
    gone = compared('["c"]', [], before=USUAL[:4], nights=2, history=())
    failed = compared('["d"]', USUAL[:9], before=USUAL[:50], failed=1, history=())
    assert alerts(few, gone, failed) == set()


def test_failures_need_no_baseline():
    assert alerts(compared('["a"]', USUAL, before=None, failed=200)) == {('["a"]', "failed")}


def test_more_than_expected_alerts_where_asked():
    more = compared('["b"]', RNG.normal(0, 1, 900))
    assert alerts(more) == set()
    assert alerts(more, volume={"above": 2}) == {('["b"]', "volume")}


def test_the_mean_has_a_rule_of_its_own_where_asked():
    moved = compared('["b"]', RNG.normal(0.25, 1, 2000))
    assert alerts(moved) == set()
    assert alerts(moved, mean={"above": 0.2}) == {('["b"]', "mean")}


def candidate(label, rule, level_effect=1.0, p=1e-9, strength=1.0) -> Candidate:
    sentence = f"{label} {rule}"
    return Candidate(label, rule, level_effect, 0.3, True, p, sentence, strength=strength)


WHOLE = compared(None, RNG.normal(0, 1, 800))
ALL = {None: WHOLE, '["a"]': QUIET, '["b"]': compared('["b"]', RNG.normal(0, 1, 400))}


def part(name, mix=0.0, inside=0.0):
    return MixGroup(name=name, label=f'["{name}"]', share_before=0.5, share_after=0.5,
                    mean_before=0, mean_after=0, mix=mix, inside=inside)  # fmt: skip


def split(*groups):
    return Mix(before=0, after=1, change=1, mix=1, inside=0, wasserstein_mix=0.6,
               wasserstein_inside=0.1, groups=list(groups))  # fmt: skip


def said(*found, stood=(), shown=None, mix=None, **rules):
    stood = stood if isinstance(stood, dict) else dict.fromkeys(stood, 1.0)
    shown = stood if shown is None else shown
    return verdict(found, AlertsConfig.model_validate(rules), stood, shown, mix, ALL)


def test_drift_of_the_whole_folds_into_the_group_that_explains_most_of_it():
    drifts = [candidate(label, "drift") for label in (None, '["a"]', '["b"]')]
    mostly_b = split(part("a", inside=0.2), part("b", inside=-0.6), part("c", mix=0.3))
    found = said(*drifts, mix=mostly_b)
    by_group = {alert.group: alert for alert in found.alerts}
    assert by_group[None].folded_into == "b: drift"
    assert by_group["a"].folded_into is by_group["b"].folded_into is None
    assert found.status == "fail"
    nobody = split(part("a", inside=0.2), part("b", inside=-0.4), part("c", mix=0.3))
    for mix in (nobody, None):
        assert all(alert.folded_into is None for alert in said(*drifts, mix=mix).alerts)
    assert said(candidate(None, "drift"), mix=mostly_b).alerts[0].folded_into is None


def test_counts_of_the_whole_fold_into_the_group_whose_lack_is_most_of_theirs():
    some = {
        None: compared(None, USUAL[:700], history=steady(None, 1200)),
        '["a"]': compared('["a"]', USUAL[:350]),
        '["b"]': compared('["b"]', USUAL[:100]),
    }
    # 400 are expected of each, and of all together
    alerts = [candidate(None, "volume"), candidate('["b"]', "volume"), candidate('["a"]', "volume")]
    found = verdict(alerts, AlertsConfig(), {}, (), None, some | {None: some['["b"]']})
    assert {a.group: a.folded_into for a in found.alerts} == {
        None: "b: volume", "a": None, "b": None,
    }  # fmt: skip
    found = verdict(alerts[::2], AlertsConfig(), {}, (), None, some | {None: some['["b"]']})
    assert {a.group: a.folded_into for a in found.alerts} == {None: None, "a": None}


def test_drift_folds_into_the_spread_that_makes_it():
    found = said(candidate('["a"]', "drift"), candidate('["a"]', "spread", 0.1))
    assert [(a.rule, a.folded_into) for a in found.alerts] == [
        ("spread", None),
        ("drift", "a: spread"),
    ]
    quieter = said(
        candidate('["a"]', "drift"), candidate('["a"]', "spread", 0.1), spread={"level": "warn"}
    )
    assert all(alert.folded_into is None for alert in quieter.alerts)  # it would not wake anybody


def test_what_stood_the_night_before_fails_no_night_again():
    standing = {('["a"]', "drift")}
    found = said(candidate('["a"]', "drift"), stood=standing)
    assert (found.status, found.alerts[0].standing) == ("warn", True)
    assert said(candidate('["a"]', "drift"), stood=standing, repeat_standing=True).status == "fail"
    another = said(candidate('["a"]', "drift"), candidate('["b"]', "drift"), stood=standing)
    assert another.status == "fail"
    assert [alert.group for alert in another.alerts] == ["b", "a"]


@pytest.mark.parametrize(("strength", "status"), [(1.9, "warn"), (2.1, "fail"), (-1.0, "fail")])
def test_a_standing_alert_is_news_where_it_is_far_stronger_or_of_the_other_sign(strength, status):
    standing = {('["a"]', "drift"): 1.0}
    found = said(candidate('["a"]', "drift", strength=strength), stood=standing)
    assert found.status == status
    # while it stands, it is measured by what it was when somebody was told
    assert found.alerts[0].strength == (1.0 if status == "warn" else strength)
    unknown = said(candidate('["a"]', "drift", strength=9.0), stood={('["a"]', "drift"): NAN})
    assert (unknown.status, unknown.alerts[0].strength) == ("warn", 9.0)  # from now on it is known


@pytest.mark.slow
def test_a_distribution_that_is_wider_has_no_sign_that_noise_could_turn():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        wider = compared('["a"]', rng.normal(0, 2.5, 500))
        (drift,) = fired({'["a"]': wider}, AlertsConfig())[0]
        assert (drift.rule, drift.strength) == ("drift", 0.0)
    down = compared('["a"]', RNG.normal(-1, 1, 500))
    (drift,) = fired({'["a"]': down}, AlertsConfig())[0]
    assert drift.strength == pytest.approx(-1, abs=0.15)


def test_drift_is_as_strong_by_either_of_its_measures():
    """So a night that alerts by PSI does not seem news after one that alerted by the distance."""
    one = compared('["a"]', RNG.normal(0.6, 1, 500))
    by_distance, by_psi = (c for c in candidates(one, AlertsConfig()) if c.rule == "drift")
    assert (by_distance.kind, by_psi.kind) == ("wasserstein", "psi")
    assert by_distance.strength == by_psi.strength == pytest.approx(0.6, abs=0.15)


def test_a_fresh_alert_does_not_hide_behind_one_that_stands():
    spread = candidate('["a"]', "spread", 0.1)
    drift = candidate('["a"]', "drift", 9.0)
    found = said(spread, drift, stood={('["a"]', "spread")})
    assert found.status == "fail"
    assert {(a.rule, a.standing, a.folded_into) for a in found.alerts} == {
        ("spread", True, None), ("drift", False, None),
    }  # fmt: skip
    both = {('["a"]', "spread"), ('["a"]', "drift")}
    again = said(spread, drift, stood=both, shown={('["a"]', "spread")})
    assert again.status == "warn"
    assert [a.folded_into for a in again.alerts] == [None, "a: spread"]
    alone = said(drift, stood=both, shown={('["a"]', "spread")})
    assert alone.status == "fail"  # nobody was told of it


def test_a_drift_made_of_the_mix_folds_into_the_group_that_moved_it():
    mix = split(part("a", 0.1), part("b", -0.9))
    alerts = [candidate(None, "drift"), candidate('["a"]', "volume"), candidate('["b"]', "volume")]
    loud = said(*alerts, mix=mix, volume={"level": "fail"})
    assert {a.folded_into for a in loud.alerts if a.group is None} == {"b: volume"}
    quiet = said(*alerts, mix=mix)  # a warning does not take a failure in
    assert quiet.status == "fail"
    inside = split(part("a", 0.1, inside=0.9), part("b", -0.9))
    assert all(a.folded_into is None for a in said(*alerts, mix=inside).alerts)


def test_what_is_missing_or_new_comes_first():
    missing = Candidate('["z"]', "missing", 0, 0, True, 1e-9, "z is missing")
    found = said(candidate('["a"]', "drift", 0.31), missing)
    assert [a.group for a in found.alerts] == ["z", "a"]
    assert found.sentence == '2 new alerts (z, a): z is missing; ["a"] drift.'


def test_holms_step_down_by_hand():
    """Of four: 0.05/4, then 0.05/3, 0.05/2, 0.05; the first that is larger ends it."""
    ps = {"a": 0.0125, "b": 0.0166, "c": 0.026, "d": 0.03}
    found = holm([candidate(name, "drift", p=p) for name, p in ps.items()], 0.05)
    assert [one.label for one in found] == ["a", "b"]
    found = holm([candidate(name, "drift", p=p / 2) for name, p in ps.items()], 0.05)
    assert [one.label for one in found] == ["a", "b", "c", "d"]
    assert holm([candidate("a", "drift", p=0.0126), candidate("b", "drift", p=0.4)], 0.0250) == []


def test_three_documents_cannot_be_less_likely_than_any_three():
    """The best three of sixty: one way in 34,220 to draw them."""
    values = np.linspace(-1, 1, 60)
    one = compared('["a"]', values[-3:], before=values[:-3], nights=3)
    for each in (one, one.refined()):
        assert min(each.p(kind) for kind in ("wasserstein", "mean")) >= 1 / 34_220 * 0.999


def test_quiet_nights_are_a_floor_besides_chance():
    """The larger of both, whatever the size of tonight."""
    before = BaselineGroup(group('["a"]', USUAL), 5, quiet=12, floor=0.4)
    many = Comparison.of(group('["a"]', RNG.normal(0.35, 1, 5000)), before, "n")
    assert many.floor("wasserstein") == pytest.approx(0.4)
    assert alerts(many) == set()
    few = Comparison.of(group('["a"]', RNG.normal(0, 1, 12)), before, "n")
    assert few.chance.point("wasserstein", 0.05) > 0.4
    assert few.noise == 1
    far = Comparison.of(group('["a"]', RNG.normal(0.9, 1, 5000)), before, "n")
    assert alerts(far) == {('["a"]', "drift")}


def test_levels():
    assert said(candidate('["a"]', "volume")).status == "warn"
    assert said(candidate('["a"]', "volume"), volume={"level": "fail"}).status == "fail"
    assert said().status == "ok"


@pytest.mark.slow
def test_chance_alone_alerts_as_often_as_stated():
    """Any effect would matter (above: 0): only chance decides. 20% of 60 nights of 5 groups and
    three standard errors are 21; with all rules there would be fewer than with these.
    """
    rng = np.random.default_rng(11)
    rules = AlertsConfig.model_validate(
        {"false_per_night": 0.2, "drift": {"above": 0, "psi_above": 0}, "spread": {"below": 9}}
    )
    alarmed = 0
    for night in range(60):
        comparisons = {}
        for label in (f'["{number}"]' for number in range(5)):
            before = BaselineGroup(group(label, rng.standard_t(4, 350)), 7)
            tonight = group(label, rng.standard_t(4, 50))
            comparisons[label] = Comparison.of(tonight, before, f"{night}", draws=200)
        alarmed += bool(fired(comparisons, rules)[0])
    assert 0 < alarmed <= 21


def test_one_reward_of_65504_hides_no_shift_and_is_named():
    before = np.append(USUAL, 65504)
    shifted = compared('["a"]', RNG.normal(0.45, 1, 1000), before=before)
    assert alerts(shifted) == {('["a"]', "drift")}
    assert shifted.effects.wasserstein == pytest.approx(0.45, abs=0.1)
    found = shifted.outliers
    assert (found.tonight, found.baseline) == (0, 1)
    assert found.farthest == pytest.approx(65504, rel=1e-3)
    assert -13 < found.below < -9 and 9 < found.above < 13
    assert QUIET.outliers is None


def test_a_night_that_has_moved_far_is_no_outlier():
    far = compared('["a"]', RNG.normal(40, 1, 1000))
    assert far.effects.wasserstein == pytest.approx(40, rel=0.03)
    assert far.outliers is None


def test_rewards_within_one_cell_of_the_histogram_cannot_be_told():
    """Saturated probabilities: other ones, and the histogram sees one cell."""
    before, now = RNG.uniform(0.99998, 0.99999, 2000), RNG.uniform(0.99991, 0.99992, 400)
    found = compared('["a"]', now, before=before)
    assert found.effects is None
    assert found.untold.startswith("cannot be told: the rewards crowd at 0.999985")
    told = compared('["a"]', np.full(400, 0.9), before=before)
    assert told.untold is None and told.effects.wasserstein > 1
    same = compared('["a"]', np.ones(400), before=np.ones(2000))
    assert same.untold is None and same.effects.wasserstein == 0


EMPTY = {"empty": 600}


def without(count: int, before=USUAL, history=None) -> Comparison:
    """A night of 1,000 documents, of which so many are empty."""
    label = '["a"]'
    found = group(label, RNG.normal(0, 1, 1000 - count))
    night = GroupNight(label, 1000, 1000, {"ok": 1000 - count, "empty": count}, found.moments,
                       found.histogram)  # fmt: skip
    history = steady(label, 1000) if history is None else history
    return Comparison.of(night, BaselineGroup(group(label, before), 5, history=history), "n")


@pytest.mark.parametrize(
    ("count", "nights", "alerted"),
    [(600, 10, True), (150, 10, True), (50, 10, False), (600, 3, True), (450, 3, False)],
)
def test_documents_without_a_reward_are_told_whatever_the_reason(count, nights, alerted):
    history = steady('["a"]', 1000)[:nights]
    found = fired({'["a"]': without(count, history=history)}, AlertsConfig())[0]
    assert [one.rule for one in found] == (["rewarded"] if alerted else [])
    if alerted:
        share = f"{1 - count / 1000:.0%}"
        assert found[0].sentence.startswith(
            f"{share} of the documents of a have a reward, and 100%"
        )
        assert found[0].sentence.endswith(f"({count} empty)")


@pytest.mark.parametrize(
    ("shares", "alerted"),
    [((0.9, 1), True), ((0.79, 1), False), ((0.3, 1), False)],
)
def test_a_share_below_half_of_the_lowest_is_told_though_seven_nights_predict_little(
    shares, alerted
):
    history = tuple(
        past('["a"]', 1000, scored=round(1000 * share)) for share in (shares * 4)[:LEAST_NIGHTS]
    )
    one = without(600, history=history)
    assert one.usual.rewarded.p(0.4) > 0.05 / CANDIDATES  # they predict too little
    found = fired({'["a"]': one}, AlertsConfig())[0]
    assert [one.rule for one in found] == (["rewarded"] if alerted else [])
    told = usual_figures(one, AlertsConfig(), 0.05 / CANDIDATES).rewarded.low
    assert told == pytest.approx(min(shares) / 2)


def test_a_night_without_any_reward_fails_though_there_is_nothing_to_compare_with():
    nothing = GroupNight(None, 5, 0, {"too_short": 3, "invalid": 2})
    one = Comparison.of(nothing, None, "n")
    found = fired({None: one}, AlertsConfig())[0]
    assert [one.sentence for one in found] == [
        "no document of the night has a reward (3 too short, 2 invalid)"
    ]
    assert verdict(found, AlertsConfig(), {}, (), None, {None: one}).status == "fail"


def test_shorter_documents_are_told():
    def shortened(tokens, nights):
        found = group('["a"]', RNG.normal(0, 1, 400))
        night = GroupNight(
            '["a"]', 400, 400 * tokens, found.statuses, found.moments, found.histogram
        )
        before = group('["a"]', USUAL)
        before = GroupNight(
            '["a"]', 2000, 2_000_000, before.statuses, before.moments, before.histogram
        )
        history = tuple(past('["a"]', n, n * (990 + n % 20)) for n in (395, 400, 405) * 4)[:nights]
        one = Comparison.of(night, BaselineGroup(before, 5, history=history), "n")
        return {c.kind for c in fired({'["a"]': one}, AlertsConfig())[0] if c.rule == "tokens"}

    assert shortened(100, 12) == {"document"}
    assert shortened(450, 12) == {"document"}
    assert shortened(900, 12) == set()
    assert shortened(100, 3) == {"document"}
    assert shortened(450, 3) == set()  # three nights do not say how much documents vary


def test_a_group_of_eight_documents_a_night_that_vanishes_is_told():
    eight = steady('["a"]', 8)[2:5] * 4  # 8, 12 and 16
    gone = compared('["a"]', [], before=USUAL[:60], history=eight)
    assert alerts(gone) == {('["a"]', "missing")}
    varied = compared('["a"]', [], before=USUAL[:60], history=(past('["a"]', 0), *eight[:8]))
    assert alerts(varied) == set()  # it has not come before


def test_a_group_that_is_missing_has_figures_all_the_same():
    found = group_figures(compared('["b"]', []), [], AlertsConfig(), 0.001)
    assert (found.documents, found.expected, found.usual.documents.expected) == (0, 400, 400)
    assert found.usual.rewarded is None and found.tonight is None


def test_a_creep_is_an_alert_of_its_own():
    first = date(2026, 11, 23) - timedelta(49)
    means = [(str(first + timedelta(night)), -0.03 * night) for night in range(49)]
    crept = Comparison.of(
        group('["a"]', RNG.normal(-1.5, 1, 400)),
        BaselineGroup(group('["a"]', RNG.normal(-1.4, 1, 2000)), 5, history=steady('["a"]')),
        "2026-11-23", means=means,
    )  # fmt: skip
    assert alerts(crept) == {('["a"]', "creep")}
    assert alerts(crept, creep={"above": 2}) == set()
