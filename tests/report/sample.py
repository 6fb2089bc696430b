"""Plausible figures of a report, the same each time: nothing here is drawn by chance."""

from itertools import pairwise
from statistics import NormalDist
from typing import Any, Literal

from rm_ray.report.figures import (
    QUANTILES,
    Alert,
    BaselineFacts,
    Blind,
    BlindGroup,
    Chunk,
    Correlation,
    Distribution,
    Drift,
    Figures,
    Group,
    Measure,
    Mix,
    MixGroup,
    Retained,
    RunFacts,
    Shown,
    TrendNight,
    Verdict,
)

Status = Literal["ok", "warn", "fail"]
EDGES = [-4 + 0.25 * at for at in range(49)]
CUTS = (-1.0, 1.0, 2.0, 3.0)
NAMES = ("commoncrawl", "wiki", "forum", "books", "code", "news", "papers", "subtitles")
LANGUAGES = ("en", "de", "日本語", "fr", "العربية", "es", "pl")
HOSTILE = (
    "<script>alert(1)</script>",
    "$x^2$ \\frac{1}{0} $",
    "a|b`c`*d*_e_ [x](http://example.org) @all",
    "\u202eright to left\u202c and عربى",
    "x" * 5000,
    "{{ 7 * 7 }} {% raw %}",
    "line\nbreak\r\n\x00\x1b[31mred\x07",
    "]]> --> </title></svg></style>",
    "</script><img src=x onerror=alert(2)>",
    "",
)
TEXT = (
    "The tide mill at the end of the estuary ran until 1911. Its wheel turned twice a day, "
    "whenever the basin behind the dam had filled, and the miller kept a table of the tides "
    "nailed to the door.\n\nVisitors may enter on Sundays. "
)


def figures(
    groups: int = 4,
    nights: int = 20,
    status: Status = "ok",
    hostile: bool = False,
    baseline: bool = True,
    empty: bool = False,
    excerpts: int = 24,
    chunk: int = 240,
    chunks: int = 4,
) -> Figures:
    """Figures of a night. `empty`: no document has a reward; `chunk`: characters of one."""
    names = [_name(at, hostile) for at in range(groups)]
    made = [_group(at, name, status, baseline, empty) for at, name in enumerate(names)]
    whole = _whole(made, status, baseline, empty)
    scored = whole.tonight is not None
    return Figures(
        night="2026-11-12", made="2026-11-13T05:41:07Z", by=["lang", "source"], column="reward",
        verdict=_verdict(names, status, baseline),
        baseline=BaselineFacts(
            kind="history" if baseline else "none", path="s3://lake/rewards" if baseline else None,
            nights=[f"2026-11-{at:02}" for at in range(1, 12)] if baseline else [],
            documents=8_400_000 if baseline else 0,
        ),
        whole=whole, groups=made, gathered=17 if groups >= 50 else 0,
        edges=EDGES if scored or baseline else [],
        drift_above=0.3,
        mix=_mix(made) if baseline and scored else None,
        trend=[_night(at, nights, status, names) for at in range(nights)],
        retention=_retention(whole.tonight) if whole.tonight else [],
        cut=2.0 if scored else None, blind=_blind(names, hostile) if scored else None,
        documents=_documents(excerpts, chunk, chunks, names, hostile) if scored else [],
        run=_run(hostile),
    )  # fmt: skip


def _name(at: int, hostile: bool) -> str:
    if hostile:
        return HOSTILE[at % len(HOSTILE)] + (str(at) if at >= len(HOSTILE) else "")
    return f"{LANGUAGES[at // len(NAMES) % len(LANGUAGES)]}/{NAMES[at % len(NAMES)]}"


def _distribution(mean: float, sd: float, documents: int) -> Distribution:
    normal = NormalDist(mean, sd)
    return Distribution(
        documents=documents, tokens=documents * 741, mean=mean, sd=sd,
        minimum=mean - 4.2 * sd, maximum=mean + 3.9 * sd,
        quantiles={f"{share:g}": normal.inv_cdf(share) for share in QUANTILES},
    )  # fmt: skip


def _histogram(of: Distribution | None) -> list[float]:
    if of is None:
        return [0.0] * (len(EDGES) - 1)
    below = [NormalDist(of.mean, of.sd).cdf(edge) for edge in EDGES]
    return [b - a for a, b in pairwise(below)]


def _moved(at: int, status: Status) -> float:
    return {"ok": 0.0, "warn": -0.21, "fail": -0.83}[status] if at == 1 else 0.01 * (at % 3 - 1)


def _group(at: int, name: str, status: Status, baseline: bool, empty: bool) -> Group:
    documents = 310_000 // (1 + at)
    mean, sd = 3.1 - 0.4 * (at % 5), 0.09 if at == 2 else 1.1 + 0.1 * (at % 3)
    moved = _moved(at, status)
    tonight = None if empty else _distribution(mean + moved * sd, sd, documents * 97 // 100)
    before = _distribution(mean, sd, documents * 11) if baseline else None
    failed = documents // 50 if empty else documents // 900
    return Group(
        name=name, label=f'["{at}"]', documents=documents, tokens=documents * 741,
        scored=tonight.documents if tonight else 0,
        statuses={"ok": tonight.documents if tonight else 0, "empty": documents // 100,
                  "too_short": documents // 60, "invalid": 3, "failed": failed},
        failed_share=failed / documents, expected=documents * 1.03 if baseline else None,
        tonight=tonight, baseline=before, histogram=_histogram(tonight),
        baseline_histogram=_histogram(before) if before else None,
        drift=_drift(abs(moved), documents) if tonight and before else None,
        spread=1.02 if tonight and before else None,
    )  # fmt: skip


def _drift(effect: float, documents: int) -> Drift:
    floor = 0.03 + 12 / documents**0.5
    p = 0.0002 if effect > floor else 0.41
    return Drift(
        wasserstein=Measure(effect=effect + 0.01, floor=floor, p=p),
        psi=Measure(effect=effect * effect, floor=floor / 4, p=p),
        mean=Measure(effect=effect, floor=floor, p=p),
        smallest_shift=floor * 1.6, quiet_nights=9, noise=1.7,
    )  # fmt: skip


def _whole(groups: list[Group], status: Status, baseline: bool, empty: bool) -> Group:
    documents = sum(group.documents for group in groups)
    like = _group(3, "all", status, baseline, empty)
    tonight = None if empty else _distribution(2.5, 1.35, sum(group.scored for group in groups))
    before = _distribution(2.61, 1.3, documents * 11) if baseline else None
    statuses = {key: sum(g.statuses[key] for g in groups) for key in like.statuses}
    return like.model_copy(
        update={
            "documents": documents, "tokens": documents * 741,
            "scored": tonight.documents if tonight else 0, "statuses": statuses,
            "failed_share": statuses["failed"] / max(1, documents),
            "expected": documents * 1.03 if baseline else None, "tonight": tonight,
            "baseline": before, "histogram": _histogram(tonight),
            "baseline_histogram": _histogram(before) if before else None,
            "drift": _drift(0.09, documents) if tonight and before else None,
        }
    )  # fmt: skip


def _verdict(names: list[str], status: Status, baseline: bool) -> Verdict:
    if not baseline:
        return Verdict(status="ok", sentence="There is nothing to compare with yet.", alerts=[])
    if status == "ok":
        return Verdict(
            status="ok",
            sentence="Rewards are as in the 11 nights before, in all groups.",
            alerts=[],
        )
    worst = names[1]

    def alert(rule: Any, sentence: str, **more: Any) -> Alert:
        said = {
            "group": worst,
            "label": None,
            "level": status,
            "standing": False,
            "folded_into": None,
        }
        return Alert(rule=rule, sentence=sentence, **{**said, **more})

    return Verdict(
        status=status,
        sentence=f"Rewards of {worst} are lower than by chance; the other groups are as ever.",
        alerts=[
            alert("drift", f"{worst}: 0.84 sd from the baseline; chance alone stays below 0.05.",
                  effect=0.84, threshold=0.15, p=0.0002),
            alert("volume", f"{names[-1]}: 4,120 documents, where 9,000 were expected.",
                  group=names[-1], level="warn", standing=True, effect=0.54, threshold=0.5, p=None),
            alert("mean", f"{worst}: the mean fell by 0.83 sd.", effect=0.83, threshold=0.15,
                  p=0.0002, folded_into=f"{worst}: drift"),
            alert("drift", "all documents: 0.10 sd from the baseline.", group=None, effect=0.1,
                  threshold=0.05, p=0.0002, folded_into=f"{worst}: drift"),
        ],
    )  # fmt: skip


def _mix(groups: list[Group]) -> Mix:
    documents = sum(group.documents for group in groups)
    parts = [
        MixGroup(
            label=group.label,
            name=group.name, share_before=group.documents / documents * 0.98,
            share_after=group.documents / documents,
            mean_before=group.baseline.mean if group.baseline else None,
            mean_after=group.tonight.mean if group.tonight else None, mix=-0.004,
            inside=-0.02 / (1 + at),
        )
        for at, group in enumerate(groups)
    ]  # fmt: skip
    mix, inside = sum(part.mix for part in parts), sum(part.inside for part in parts)
    return Mix(
        before=2.61, after=2.61 + mix + inside, change=mix + inside, mix=mix, inside=inside,
        wasserstein_mix=0.021, wasserstein_inside=0.084, groups=parts,
    )  # fmt: skip


def _night(at: int, nights: int, status: Status, names: list[str]) -> TrendNight:
    last = at == nights - 1
    mean = 2.6 + 0.05 * (at * 7 % 5 - 2) - (0.1 if last else 0)
    before: Status = "warn" if at % 11 == 7 else "fail" if at % 23 == 12 else "ok"
    said = status if last else before
    gap = at == 4
    return TrendNight(
        night=f"2026-{8 + (at // 30):02}-{1 + at % 30:02}", status=said,
        documents=0 if gap else 640_000 + 9_000 * (at * 5 % 7), mean=None if gap else mean,
        quantiles={} if gap else {"0.1": mean - 1.6, "0.5": mean + 0.05, "0.9": mean + 1.7},
        means={} if gap else {name: _mean(at, n) for n, name in enumerate(names)},
        alerts=[] if said == "ok" else [f"{names[1 % len(names)]}: drift"],
    )  # fmt: skip


def _mean(night: int, group: int) -> float:
    return 2.1 + 0.3 * group + 0.2 * (night * (group + 3) % 5 - 2)


def _retention(of: Distribution) -> list[Retained]:
    normal = NormalDist(of.mean, of.sd)
    found = []
    for at in range(101):
        threshold = of.maximum - (of.maximum - of.minimum) * at / 100
        kept = 1.0 if at == 100 else 1 - normal.cdf(threshold)
        documents, tokens = round(kept * of.documents), round(kept**0.8 * of.tokens)
        found.append(Retained(threshold=threshold, documents=documents, tokens=tokens))
    return found


def _blind(names: list[str], hostile: bool) -> Blind:
    return Blind(
        between_share=0.213, length=Correlation(rho=0.34, margin=0.02, documents=20_000),
        position=Correlation(rho=-0.01, margin=0.02, documents=20_000),
        length_medians=[(40 * 2**at, 1.9 + 0.12 * at - 0.01 * at * at) for at in range(10)],
        groups=[
            BlindGroup(name=name, sd=0.09 if at == 2 else 1.2, relative_sd=0.07 if at == 2 else 0.9,
                       length=Correlation(rho=0.3, margin=0.05, documents=900) if at % 2 else None,
                       flat=at == 2)
            for at, name in enumerate(names)
        ],
    )  # fmt: skip


def _documents(
    excerpts: int, chunk: int, chunks: int, names: list[str], hostile: bool
) -> list[Shown]:
    kinds: list[tuple[Any, float | None, float]] = [
        ("best", None, 6.4), ("worst", None, -2.9), *(("quantile", q, 2.5 + 3 * (q - 0.5)) for q in
        (0.1, 0.5, 0.9)), *((why, cut, cut + (0.003 if why == "kept" else -0.004)) for cut in CUTS
        for why in ("kept", "dropped")),
    ]  # fmt: skip
    order = [kind[:2] for kind in kinds]
    made = [
        _shown(at, *kinds[at % len(kinds)], chunk, chunks, names, hostile) for at in range(excerpts)
    ]
    return sorted(made, key=lambda shown: order.index((shown.why, shown.at)))


def _shown(
    at: int, why: Any, cut: float | None, reward: float, chunk: int, chunks: int,
    names: list[str], hostile: bool,
) -> Shown:  # fmt: skip
    said = HOSTILE[at % len(HOSTILE)] if hostile else TEXT
    text = ((said or "<b>") * (1 + chunk // max(1, len(said))))[:chunk]
    missing = at % 9 == 8
    return Shown(
        why=why, at=cut, group=names[at % len(names)], id=f"doc-{at}" if at % 3 else None,
        file=f"lang=en/part-{at:05}.parquet" if not hostile else f"<i>{said[:300]}</i>.parquet",
        row=at * 1711, reward=reward, tokens=400 + 37 * at,
        chunks=[] if missing else [
            Chunk(text=text, reward=None if n == 3 else reward + 1.1 * (n - 1.5))
            for n in range(chunks)
        ],
        chunks_left=0 if missing else at % 4, remark="The file is gone." if missing else None,
    )  # fmt: skip


def _run(hostile: bool) -> RunFacts:
    return RunFacts(
        path="s3://lake/rewards/2026-11-12", segments=[3], family="pairs of logprobs",
        model="<b>judge</b>" if hostile else "models/judge-7b", fingerprint="9f3c0a7751de",
        files=412, parts=1290, complete=True, missing_parts=0, windows=2_310_455,
        forwarded_tokens=1_204_551_000,
        minimum_tokens=1_090_000_000, tokens_per_second=21_400.0, engine_hours=15.6, gpus=1,
        cost=39.1, versions={"rm_ray": "0.4.0", "ray": "2.60.0", "vllm": "0.32.0"},
    )  # fmt: skip
