"""Collects what the faults of a seed did to a run, and prints it as a table."""

from collections import Counter
from dataclasses import dataclass, field

from tests import fault_engine, raising_vllm


@dataclass
class Report:
    """A Report counts the faults of one seed, and what they did to the run."""

    seed: int
    engine: str
    faults: Counter = field(default_factory=Counter)
    injected_answers: int = 0
    invocations: int = 0
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    differing_names: list[str] = field(default_factory=list)
    judged_again: int = 0
    untrue_exits: int = 0
    seconds: float = 0.0
    largest_difference: float = 0.0
    last_words: list = field(default_factory=list)

    def differ(self, how: str, names: list[str]) -> None:
        """Count what differs, and keep the names."""
        self.differing += len(names)
        self.differing_names += [f"{how}: {name}" for name in names]

    @property
    def clean(self) -> bool:
        return not (
            self.lost or self.doubled or self.differing or self.judged_again or self.untrue_exits
        )


def table(reports: list[Report]) -> str:
    """A line a seed, and what was done to all of them."""
    lines = [
        f"{'seed':>5} {'engine':<8}{'faults':>7}{'answers':>8}{'runs':>6}{'rows':>7}{'lost':>6}"
        f"{'doubled':>9}{'differing':>11}{'by at most':>12}{'judged again':>14}"
        f"{'untrue exits':>14}{'seconds':>9}"
    ]
    for r in reports:
        name = {fault_engine.NAME: "hash", raising_vllm.NAME: "vllm"}.get(r.engine, r.engine)
        lines.append(
            f"{r.seed:>5} {name:<8}{sum(r.faults.values()):>7}{r.injected_answers:>8}"
            f"{r.invocations:>6}{r.rows:>7}{r.lost:>6}{r.doubled:>9}{r.differing:>11}"
            f"{r.largest_difference:>12.1e}{r.judged_again:>14}{r.untrue_exits:>14}"
            f"{r.seconds:>9.0f}"
        )
    total: Counter = sum((r.faults for r in reports), Counter())
    lines.append("")
    lines += [f"  {count:>4} {fault}" for fault, count in sorted(total.items())]
    lines.append(f"  {sum(total.values()):>4} faults in all")
    return "\n".join(lines)
