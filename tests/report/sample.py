"""Plausible figures of a report, the same each time: nothing here is drawn by chance."""

from itertools import pairwise
from statistics import NormalDist
from typing import Any, Literal, get_args

from rm_ray.report.facts import (
    Accepted,
    DeliveryFigures,
    FilesFacts,
    RepeatFigures,
    RepeatsFacts,
)
from rm_ray.report.figures import (
    QUANTILES,
    Alert,
    AlertedDocuments,
    BaselineFacts,
    Blind,
    BlindGroup,
    Correlation,
    CreepFigures,
    Distribution,
    Drift,
    Figures,
    GroupFigures,
    Measure,
    Mix,
    MixGroup,
    NightVerdict,
    Outliers,
    Range,
    Retained,
    RetainedGroup,
    Rule,
    RunFacts,
    Shown,
    ShownChunk,
    TrendNight,
    UsualFigures,
)

Status = Literal["ok", "warn", "fail"]
EDGES = [-4 + 0.25 * at for at in range(49)]
RULES = get_args(Rule)
CUT = 2.0
CUTS = (-1.0, 1.0, CUT, 3.0)
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
# Nights that rewards are compared with; one group has others.
NIGHTS = [f"2026-11-{day:02}" for day in range(5, 12)]
OTHER_NIGHTS = [f"2026-11-{day:02}" for day in (1, 2, 3, 4, 6, 8, 11)]
UNTOLD = (
    "cannot be told: the rewards crowd at 2.3 (sd 0.0002), within one cell of the histogram "
    "(0.0011)"
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
        verdict=_verdict(names, status, baseline, empty),
        baseline=BaselineFacts(
            kind="history" if baseline else "none", path="s3://lake/rewards" if baseline else None,
            nights=sorted({*NIGHTS, *OTHER_NIGHTS}) if baseline else [],
            documents=8_400_000 if baseline else 0,
        ),
        whole=whole, groups=made, gathered=17 if groups >= 50 else 0,
        edges=EDGES if scored or baseline else [],
        drift_above=0.3,
        mix=_mix(made) if baseline and scored else None,
        trend=[_night(at, nights, status, names, empty) for at in range(nights)],
        retention=_retention(whole.tonight) if whole.tonight else [],
        cut=CUT if scored else None, blind=_blind(names, hostile) if scored else None,
        documents=_documents(excerpts, chunk, chunks, names, hostile) if scored else [],
        run=_run(hostile),
        retained_groups=_retained_groups(made, _retention(whole.tonight)) if whole.tonight else [],
        alerted=_alerted(names, chunk, chunks, hostile) if scored and status == "fail" else [],
        files=FilesFacts(
            files=3, empty=1, unreadable=0, named=["a.parquet", "b.parquet", "c.parquet"],
            empty_named=["c.parquet"], unreadable_named=[],
        ),
        repeats=RepeatsFacts(by="id", nights=nights, sampled=1.0 if groups < 20 else 0.42),
        accepted=[
            Accepted(group=names[0], also=["all documents"], night="2026-11-11", by="ann@there",
                     at="2026-11-12T08:00:00+00:00", because="a new crawler")
        ] if status == "warn" and names else [],
        delivery=DeliveryFigures(
            state="held", groups=[], folder="s3://nights/held/night=2026-11-12",
            command='python jobs/nightly.py --output.path s3://nights --release 2026-11-12 '
                    '--because "..."', by=None, at=None, because=None,
        ) if status == "fail" else None,
    )  # fmt: skip


def six_alerts() -> Figures:
    """A night on which six groups broke, each in a way of its own."""
    made = figures(groups=7, nights=60, status="fail")
    moved, wiki, crowd, gone, shrunk, short, _ = made.groups
    creep = CreepFigures(weeks=9, slope=0.11, moved=0.43, p=0.0001, remark=None)
    few = UsualFigures(
        nights=3, documents=None, tokens=None, tokens_a_document=None, rewarded=None,
        remark="with 3 quiet nights, only a lack of documents, of rewards or of most tokens "
        "alerts; from 7 quiet nights on, other changes do too",
    )  # fmt: skip
    scored = crowd.documents * 41 // 100
    changed = [
        moved.model_copy(update={"creep": creep}),
        wiki,
        crowd.model_copy(
            update={"scored": scored, "tonight": _distribution(2.3, 0.0002, scored),
                    "statuses": _statuses(crowd.documents, scored, 344)}
        ),
        gone.model_copy(
            update={"documents": 0, "tokens": 0, "scored": 0, "statuses": {}, "failed_share": 0.0,
                    "tonight": None, "histogram": [0.0] * (len(EDGES) - 1), "drift": None,
                    "spread": None, "usual": few, "nights": NIGHTS[-3:]}
        ),
        shrunk.model_copy(update={"tokens": shrunk.documents * 180}),
        short.model_copy(update={"documents": short.documents // 3,
                                 "tokens": short.tokens // 3, "scored": short.scored // 3}),
        made.groups[6].model_copy(update={"drift": _drift(0.34, 44_285, p=0.022)}),
    ]  # fmt: skip

    def alert(group: GroupFigures, rule: Rule, sentence: str, effect: float, **more: Any) -> Alert:
        said = {"level": "fail", "threshold": 0.5, "p": 1e-6, "standing": False,
                "folded_into": None, "strength": effect, **more}  # fmt: skip
        return Alert.model_validate(
            {"group": group.name, "label": group.label, "rule": rule, "sentence": sentence,
             "effect": effect, **said}
        )  # fmt: skip

    missing = f"{gone.name} is missing; a night of the baseline has 79,825 documents"
    alerts = [
        alert(gone, "missing", missing, 0.0, threshold=0.0),
        alert(wiki, "drift", f"the rewards of {wiki.name} are 0.84 sd from the baseline's; nights "
              "like the baseline stay below 0.06", 0.84, threshold=0.3),
        alert(crowd, "rewarded", f"41% of the documents of {crowd.name} have a reward, and 97% "
              "usually (45,487 too short, 15,162 empty, 344 failed)", 0.42, threshold=0.9),
        alert(shrunk, "tokens", f"a document of {shrunk.name} has 180 tokens on average, and 741 "
              "usually", 0.24, level="warn"),
        alert(short, "volume", f"{short.name} has 17,222 documents, and 53,217 usually", 0.32,
              level="warn", standing=True),
        alert(moved, "creep", f"the mean reward of {moved.name} moves by +0.11 sd a week, over 9 "
              "weeks: +0.43 sd in four of them", 0.43, level="warn", threshold=0.3),
        alert(wiki, "mean", f"the mean reward of {wiki.name} has moved by 0.83 sd", 0.83,
              threshold=0.15, folded_into=f"{wiki.name}: drift"),
    ]  # fmt: skip
    sentence = f"5 new alerts ({gone.name}, {wiki.name}, {crowd.name} and 2 more): {missing}."
    own = [f"{one.group}: {one.rule}" for one in alerts if one.folded_into is None]
    last = made.trend[-1].model_copy(update={"alerts": own})
    return made.model_copy(
        update={"groups": changed, "trend": [*made.trend[:-1], last],
                "verdict": NightVerdict(status="fail", sentence=sentence, alerts=alerts)}
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


def _group(at: int, name: str, status: Status, baseline: bool, empty: bool) -> GroupFigures:
    documents = 310_000 // (1 + at)
    mean, sd = 3.1 - 0.4 * (at % 5), 0.0002 if at == 2 else 1.1 + 0.1 * (at % 3)
    moved = _moved(at, status)
    tonight = None if empty else _distribution(mean + moved * sd, sd, documents * 97 // 100)
    before = _distribution(mean, sd, documents * 7) if baseline else None
    failed = documents // 50 if empty else documents // 900
    scored = tonight.documents if tonight else 0
    both = tonight is not None and before is not None
    return GroupFigures(
        name=name, label=f'["{at}"]', documents=documents, tokens=documents * 741, scored=scored,
        statuses=_statuses(documents, scored, failed),
        failed_share=failed / documents, expected=documents * 1.03 if baseline else None,
        tonight=tonight, baseline=before, histogram=_histogram(tonight),
        baseline_histogram=_histogram(before) if before else None,
        drift=_drift(abs(moved), documents) if both and at != 2 else None,
        spread=1.02 if both and at != 2 else None,
        nights=(OTHER_NIGHTS if at == 3 else NIGHTS) if baseline else [],
        usual=_usual(documents * 1.03, 741.0, 12 if at == 3 else 16, baseline),
        creep=_creep(at) if both else CreepFigures(weeks=0, slope=None, moved=None, p=None,
                                                   remark=None),
        outliers=Outliers(below=-21.4, above=26.2, tonight=0, baseline=1, farthest=65_504.0)
        if both and at == 1 else None,
        untold=UNTOLD if both and at == 2 else None,
        repeats=RepeatFigures(earlier=documents // 40, within=documents // 400,
                              margin=at * 12.5 if at else 0.0),
    )  # fmt: skip


def _statuses(documents: int, scored: int, failed: int) -> dict[str, int]:
    rest = max(0, documents - scored - failed - 3)
    return {"ok": scored, "too_short": rest * 3 // 4, "empty": rest - rest * 3 // 4,
            "invalid": 3, "failed": failed}  # fmt: skip


def _usual(documents: float, each: float, nights: int, baseline: bool) -> UsualFigures:
    """Changes by a half are alerts, and those of small groups by more."""
    if not baseline:
        return UsualFigures(nights=0, documents=None, tokens=None, tokens_a_document=None,
                            rewarded=None, remark=None)  # fmt: skip

    def around(expected: float) -> Range:
        return Range(expected=expected, low=0.5 * expected, high=None)

    return UsualFigures(
        nights=nights, documents=around(documents), tokens=around(documents * each),
        tokens_a_document=around(each), rewarded=Range(expected=0.971, low=0.874, high=None),
        remark=None,
    )  # fmt: skip


def _creep(at: int) -> CreepFigures:
    """One source wanders, and of one there are too few nights."""
    if at == 3:
        remark = "creep is looked for from 42 nights on; 20 are there"
        return CreepFigures(weeks=2, slope=None, moved=None, p=None, remark=remark)
    remark = (
        "the source wanders (nights are alike by 0.46), and no test tells that from a creep"
        if at == 1 else "creep is looked for once a week, on Mondays"
    )  # fmt: skip
    slope = 0.012 * (at % 3 - 1)
    return CreepFigures(weeks=8, slope=slope, moved=4 * slope, p=None, remark=remark)


def _drift(effect: float, documents: int, p: float | None = None) -> Drift:
    floor = 0.03 + 12 / documents**0.5
    if p is None:
        p = 0.0002 if effect > floor else 0.41
    return Drift(
        wasserstein=Measure(effect=effect + 0.01, floor=floor, p=p),
        psi=Measure(effect=effect * effect, floor=floor / 4, p=p),
        mean=Measure(effect=effect, floor=floor, p=p),
        smallest_shift=floor * 1.6, quiet_nights=9, noise=1.7,
    )  # fmt: skip


def _whole(groups: list[GroupFigures], status: Status, baseline: bool, empty: bool) -> GroupFigures:
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
            "expected": documents * 1.05 if baseline else None, "tonight": tonight,
            "nights": NIGHTS if baseline else [], "outliers": None,
            "usual": _usual(documents * 1.05, 741.0, 16, baseline),
            "creep": _creep(0) if tonight and before else like.creep,
            "baseline": before, "histogram": _histogram(tonight),
            "baseline_histogram": _histogram(before) if before else None,
            "drift": _drift(0.09, documents) if tonight and before else None,
        }
    )  # fmt: skip


def _verdict(names: list[str], status: Status, baseline: bool, empty: bool) -> NightVerdict:
    if not baseline:
        return NightVerdict(
            status="ok", sentence="There is nothing to compare with yet.", alerts=[]
        )
    if empty:
        said = "no document of the night has a reward (632,921 too short, 12,912 failed)"
        alert = Alert(
            group=None, label=None, rule="rewarded", level="fail", standing=False,
            folded_into=None, effect=0.0, threshold=0.9, p=0.0, sentence=said, strength=-20.7,
        )  # fmt: skip
        return NightVerdict(
            status="fail", sentence=f"1 new alert (all documents): {said}.", alerts=[alert]
        )
    if status == "ok":
        return NightVerdict(
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
            "strength": 0.8,
        }
        return Alert(rule=rule, sentence=sentence, **{**said, **more})

    return NightVerdict(
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


def _mix(groups: list[GroupFigures]) -> Mix:
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


def _night(at: int, nights: int, status: Status, names: list[str], empty: bool) -> TrendNight:
    """One night in eleven alerts, each time by another rule; the fifth has no document."""
    last = at == nights - 1
    mean = 2.6 + 0.05 * (at * 7 % 5 - 2) - (0.1 if last else 0)
    before: Status = "warn" if at % 11 == 7 else "fail" if at % 23 == 12 else "ok"
    said = ("fail" if empty else status) if last else before
    gap = at == 4
    documents = 0 if gap else 640_000 + 9_000 * (at * 5 % 7)
    known = not gap and not (last and empty)
    rule = "rewarded" if last and empty else "drift" if last else RULES[at % len(RULES)]
    whose = "all documents" if last and empty else names[1 % len(names)]
    return TrendNight(
        night=f"2026-{8 + (at // 30):02}-{1 + at % 30:02}", status=said, documents=documents,
        tokens=documents * 741, scored=documents * 97 // 100 if known else 0,
        mean=mean if known else None,
        quantiles={"0.1": mean - 1.6, "0.5": mean + 0.05, "0.9": mean + 1.7} if known else {},
        means={name: _mean(at, n) for n, name in enumerate(names)} if known else {},
        alerts=[] if said == "ok" else [f"{whose}: {rule}"],
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
    kept = 1 - normal.cdf(CUT)
    found.append(
        Retained(threshold=CUT, documents=round(kept * of.documents),
                 tokens=round(kept**0.8 * of.tokens))
    )  # fmt: skip
    return sorted(found, key=lambda kept: -kept.threshold)


def _retained_groups(groups: list[GroupFigures], of: list[Retained]) -> list[RetainedGroup]:
    total = max(1, sum(group.scored for group in groups))
    return [
        RetainedGroup(
            name=group.name, label=group.label,
            documents=[round(each.documents * group.scored / total) for each in of],
            tokens=[round(each.tokens * group.scored / total) for each in of],
        )
        for group in groups
    ]  # fmt: skip


def _alerted(names: list[str], chunk: int, chunks: int, hostile: bool) -> list[AlertedDocuments]:
    def shown(at: int) -> list[Shown]:
        return [
            _shown(at + n, "quantile", share, -3.0 + n, chunk, chunks, names, hostile)
            for n, share in enumerate((0.1, 0.5, 0.9))
        ]

    return [
        AlertedDocuments(group=name, tonight=shown(at), before=shown(at + 3), nights=NIGHTS[-1:])
        for at, name in enumerate(names[:2])
    ]


def _blind(names: list[str], hostile: bool) -> Blind:
    return Blind(
        between_share=0.213, length=Correlation(rho=0.34, margin=0.02, documents=20_000),
        position=Correlation(rho=-0.01, margin=0.02, documents=20_000),
        length_medians=[(40 * 2**at, 1.9 + 0.12 * at - 0.01 * at * at) for at in range(10)],
        groups=[
            BlindGroup(name=name, sd=0.0002 if at == 2 else 1.2,
                       relative_sd=0.0002 if at == 2 else 0.9,
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
            ShownChunk(text=text, reward=None if n == 3 else reward + 1.1 * (n - 1.5))
            for n in range(chunks)
        ],
        chunks_left=0 if missing else at % 4, remark="The file is gone." if missing else None,
    )  # fmt: skip


def _run(hostile: bool) -> RunFacts:
    return RunFacts(
        path="s3://lake/rewards/2026-11-12", segments=[3], family="pairs of logprobs",
        model="<b>judge</b>" if hostile else "models/judge-7b", fingerprint="9f3c0a7751de",
        files=412, parts=1290, complete=True, stopped_early=hostile,
        missing_parts=0, windows=2_310_455,
        forwarded_tokens=1_204_551_000,
        minimum_tokens=1_090_000_000, tokens_per_second=21_400.0, engine_hours=15.6, gpus=1,
        cost=39.1, versions={"rm_ray": "0.5.0", "ray": "2.60.0", "vllm": "0.32.0"},
    )  # fmt: skip
