"""The figures in sentences: the first lines of the page, the summary and the log."""

from collections.abc import Iterator, Sequence

from rm_ray.evaluate.figures import (
    Against,
    BaselineAccuracy,
    Calibrated,
    Facts,
    GroupAccuracy,
    Interval,
    SourceShares,
    SourcesVerdict,
)

MOST_NAMED = 6


def verdict(
    facts: Facts,
    whole: GroupAccuracy,
    groups: Sequence[GroupAccuracy],
    baselines: Sequence[BaselineAccuracy],
    sources: SourceShares | None,
    calibration: Calibrated | None,
    against: Against | None,
) -> SourcesVerdict:
    """Return the verdict: how good the judge is, on what it fails, and what else to know."""
    kinds = [group for group in groups if group.by == "kind"]
    in_pairs = facts.of == "pairs"
    notes = [
        *_baselines(facts, whole, baselines),
        *_power(whole),
        *([against.sentence] if against else []),
        *([sources.sentence] if sources and (sources.sorts_sources or not in_pairs) else []),
        *(_calibration(calibration) if calibration else []),
        *_left(facts),
    ]
    return SourcesVerdict(
        sentence=headline(facts.of, whole), blind=_blind(facts, kinds), notes=notes
    )


def headline(of: str, whole: GroupAccuracy) -> str:
    """Say in one sentence how good the judge is."""
    few = f" Only {whole.documents:,} documents, so this shows little." if whole.few else ""
    if of == "pairs":
        return f"{_right(whole)}.{few}"
    return (
        f"A good document is above a bad one in {between(whole.auc)} of cases, of "
        f"{whole.good:,} good and {whole.count - whole.good:,} bad documents.{few}"
    )


def _right(group: GroupAccuracy) -> str:
    value = group.pairwise
    share = "–" if value is None else f"{value.value:.1%}"
    interval = "" if value is None else f" ({value.low:.1%} to {value.high:.1%})"
    return f"Right in {share} of {group.count:,} pairs{interval}"


def between(of: Interval | None) -> str:
    """Format a share with its interval."""
    return "–" if of is None else f"{of.value:.1%} ({of.low:.1%} to {of.high:.1%})"


def main_figure(group: GroupAccuracy) -> Interval | None:
    """Return the main figure of a group: pairwise, or AUC for documents."""
    return group.pairwise or group.auc


def worst_first(groups: Sequence[GroupAccuracy]) -> list[GroupAccuracy]:
    """Sort groups by their main figure, the worst first."""
    return sorted(groups, key=lambda group: of.value if (of := main_figure(group)) else -1.0)


def _blind(facts: Facts, kinds: Sequence[GroupAccuracy]) -> list[str]:
    blind = worst_first([group for group in kinds if group.blind])
    sentences = [_blind_to(facts.of, group) for group in blind]
    few = [
        f"{group.name} ({_speaking(facts.of, group):,} documents)" for group in kinds if group.few
    ]
    if few:
        others = f" and {len(few) - MOST_NAMED} more" if len(few) > MOST_NAMED else ""
        sentences.append(f"Too few to tell: {', '.join(few[:MOST_NAMED])}{others}.")
    if kinds and not sentences:
        sentences.append(f"No kind's interval reaches below {facts.blind_below:.0%}.")
    return sentences


def _speaking(of: str, group: GroupAccuracy) -> int:
    """Return the number of documents of a kind; for a scoring run, of its bad documents."""
    return group.documents if of == "pairs" else group.count - group.good


def _blind_to(of: str, group: GroupAccuracy) -> str:
    figure = main_figure(group)
    if figure is None:
        return f"Nothing is known about {group.name}."
    word = "Wrong about" if figure.high < 0.5 else "Blind to"
    if of == "pairs":
        right = _right(group)
        return f"{word} {group.name}: {right[0].lower()}{right[1:]}."
    bad = group.count - group.good
    return (
        f"{word} {group.name}: below a good document in {between(figure)} of cases ({bad:,} "
        "documents)."
    )


def _baselines(
    facts: Facts, whole: GroupAccuracy, found: Sequence[BaselineAccuracy]
) -> Iterator[str]:
    judge = main_figure(whole)
    if not found or judge is None:
        return
    scores = []
    for baseline in found:
        value = baseline.pairwise if facts.of == "pairs" else baseline.auc
        if value is not None:
            scores.append((value.value, f"{baseline.name} {value.value:.1%}"))
    best = max(scores)[0]
    listed = ", ".join(text for _, text in scores)
    beaten = "" if best < judge.low else " This judge is not clearly better than the best of them."
    yield f"Without a judge: {listed}.{beaten}"


def _power(whole: GroupAccuracy) -> Iterator[str]:
    if whole.smallest_difference is not None:
        yield (
            "These documents can tell two judges apart that differ by "
            f"{100 * whole.smallest_difference:.1f} points or more (in 8 of 10 such evaluations), "
            "if the judges are wrong about different texts. If they are wrong about the same "
            "texts, a smaller difference is enough."
        )


def _calibration(of: Calibrated) -> Iterator[str]:
    errors = {diagram.method: diagram for diagram in of.diagrams}
    isotonic, platt = errors["isotonic"], errors["platt"]
    chance = max(isotonic.by_chance, platt.by_chance)
    by_maps = (
        f"by {isotonic.ece:.3f} after an isotonic map and by {platt.ece:.3f} after a Platt map, on "
        f"{of.held_out_documents:,} documents held out from the fit (by chance alone: "
        f"{chance:.3f})"
    )
    if "raw" in errors:
        yield (
            f"As probabilities its rewards are off by {errors['raw'].ece:.3f} on average (ECE); "
            f"{by_maps}."
        )
    else:
        yield f"Its rewards are no probabilities. Probabilities fitted to them are off {by_maps}."


def _left(facts: Facts) -> Iterator[str]:
    left = {status: count for status, count in facts.left_out.items() if status != "left_out"}
    if left:
        counts = ", ".join(f"{count:,} {status}" for status, count in left.items())
        yield f"Rows without a reward, not counted: {counts}."
    if facts.cut_pairs:
        yield (
            f"{facts.cut_pairs:,} pairs have a chunk longer than the judge's chunks; it was cut to "
            "their length."
        )
