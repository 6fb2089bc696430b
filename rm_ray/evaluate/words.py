"""What the figures say, in plain words: the first lines of the page, the summary and the log."""

from collections.abc import Iterator, Sequence

from rm_ray.evaluate.figures import (
    Against,
    Baseline,
    Calibrated,
    Facts,
    Group,
    Interval,
    Sources,
    Verdict,
)

MOST_NAMED = 6


def verdict(
    facts: Facts,
    whole: Group,
    groups: Sequence[Group],
    baselines: Sequence[Baseline],
    sources: Sources | None,
    calibration: Calibrated | None,
    against: Against | None,
) -> Verdict:
    """The verdict, where the judge is blind, and what else a reader has to know."""
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
    return Verdict(sentence=headline(facts.of, whole), blind=_blind(facts, kinds), notes=notes)


def headline(of: str, whole: Group) -> str:
    """How good the judge is, in one sentence."""
    few = f" Only {whole.documents:,} documents: this shows little." if whole.few else ""
    if of == "pairs":
        return f"{_right(whole)}.{few}"
    return (
        f"A good document is above a bad one in {between(whole.auc)} of cases, of "
        f"{whole.good:,} good and {whole.count - whole.good:,} bad documents.{few}"
    )


def _right(group: Group) -> str:
    value = group.pairwise
    said = "–" if value is None else f"{value.value:.1%}"
    where = "" if value is None else f" ({value.low:.1%} to {value.high:.1%})"
    return f"Right in {said} of {group.count:,} pairs{where}"


def between(of: Interval | None) -> str:
    """A share with its interval."""
    return "–" if of is None else f"{of.value:.1%} ({of.low:.1%} to {of.high:.1%})"


def main_figure(group: Group) -> Interval | None:
    """The figure that a group is told of by."""
    return group.pairwise or group.auc


def worst_first(groups: Sequence[Group]) -> list[Group]:
    """Groups by the figure that they are told of by."""
    return sorted(groups, key=lambda group: of.value if (of := main_figure(group)) else -1.0)


def _blind(facts: Facts, kinds: Sequence[Group]) -> list[str]:
    blind = worst_first([group for group in kinds if group.blind])
    said = [_blind_to(facts.of, group) for group in blind]
    few = [
        f"{group.name} ({_speaking(facts.of, group):,} documents)" for group in kinds if group.few
    ]
    if few:
        more = f" and {len(few) - MOST_NAMED} more" if len(few) > MOST_NAMED else ""
        said.append(f"Too few to tell: {', '.join(few[:MOST_NAMED])}{more}.")
    if kinds and not said:
        said.append(f"No kind's interval reaches below {facts.blind_below:.0%}.")
    return said


def _speaking(of: str, group: Group) -> int:
    """The documents that make a kind: of a scoring run, the bad ones."""
    return group.documents if of == "pairs" else group.count - group.good


def _blind_to(of: str, group: Group) -> str:
    figure = main_figure(group)
    if figure is None:
        return f"Nothing is known about {group.name}."
    word = "Wrong about" if figure.high < 0.5 else "Blind to"
    if of == "pairs":
        told = _right(group)
        return f"{word} {group.name}: {told[0].lower()}{told[1:]}."
    bad = group.count - group.good
    return (
        f"{word} {group.name}: below a good document in {between(figure)} of cases ({bad:,} "
        "documents)."
    )


def _baselines(facts: Facts, whole: Group, found: Sequence[Baseline]) -> Iterator[str]:
    mine = main_figure(whole)
    if not found or mine is None:
        return
    said = []
    for one in found:
        value = one.pairwise if facts.of == "pairs" else one.auc
        if value is not None:
            said.append((value.value, f"{one.name} {value.value:.1%}"))
    best = max(said)[0]
    listed = ", ".join(text for _, text in said)
    beaten = "" if best < mine.low else " This judge is not clearly better than the best of them."
    yield f"Without a judge: {listed}.{beaten}"


def _power(whole: Group) -> Iterator[str]:
    if whole.smallest_difference is not None:
        yield (
            "Two judges can be told apart here from a difference of "
            f"{100 * whole.smallest_difference:.1f} points on (8 of 10 such evaluations would see "
            "it), if they are wrong about different texts; from less, if they are wrong about the "
            "same ones."
        )


def _calibration(of: Calibrated) -> Iterator[str]:
    errors = {one.method: one for one in of.diagrams}
    isotonic, platt = errors["isotonic"], errors["platt"]
    chance = max(isotonic.by_chance, platt.by_chance)
    by_maps = (
        f"by {isotonic.ece:.3f} after an isotonic map and by {platt.ece:.3f} after a Platt map, on "
        f"{of.held_out_documents:,} documents that no map was fitted on (chance alone: "
        f"{chance:.3f})"
    )
    if "raw" in errors:
        yield (
            f"As probabilities its rewards are off by {errors['raw'].ece:.3f} on average (ECE); "
            f"{by_maps}."
        )
    else:
        yield f"Its rewards are no probabilities. Those made of them are off {by_maps}."


def _left(facts: Facts) -> Iterator[str]:
    left = {status: count for status, count in facts.left_out.items() if status != "left_out"}
    if left:
        said = ", ".join(f"{count:,} {status}" for status, count in left.items())
        yield f"Without a reward, and not counted: {said}."
    if facts.cut_pairs:
        yield (
            f"{facts.cut_pairs:,} pairs have a chunk that is longer than the judge's; it was cut "
            "to that."
        )
