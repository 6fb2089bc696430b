"""`make demo` and `rm_ray demo`: build a corpus, then score, filter and report it by the real jobs.

Everything is done in the present folder. The configurations and the tiny judge are copied there, if
it does not have them.
"""

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from demo.evaluate import REAL, Comparison, compare
from demo.spoil import UNSEEN

# The checkout, or what a wheel has of it.
ROOT = Path(__file__).parents[1]
IS_CHECKOUT = (ROOT / "pyproject.toml").exists()
OUTPUT = Path("outputs/demo")
# Fraction of the documents that the filter keeps.
KEPT = 0.3
# How Python runs a job.
JOB = ("-m", "rm_ray")


def main() -> int:
    """Build, score, filter and report; return the exit status of the jobs."""
    began = time.monotonic()
    corpus, scored, kept = OUTPUT / "corpus", OUTPUT / "scored", OUTPUT / "kept"
    report = OUTPUT / "report"
    unpack(Path.cwd())
    shutil.rmtree(OUTPUT, ignore_errors=True)
    _run("-m", "demo.build_corpus", "--output", str(corpus))
    status = _run(*JOB, "score", "--config", "jobs/demo.yaml", "--input.keep", "kind,source")
    if status == 0:
        print(summary(corpus, scored), flush=True)
        print(f"\nkeeping the best {KEPT:.0%} of the documents:", flush=True)
        rule = ["--rule.keep_fraction", str(KEPT)]
        paths = ["--rewards.path", str(scored), "--output.path", str(kept)]
        status = _run(*JOB, "filter", *paths, *rule)
    if status == 0:
        print(before_and_after(corpus, kept), flush=True)
        print("\nreporting the documents by kind:", flush=True)
        paths = ["--rewards.path", str(scored), "--output.path", str(report)]
        status = _run(*JOB, "report", *paths, "--by", "kind", "--night", "demo")
    if status == 0:
        print(f"\nthe report: {(report / 'report.html').absolute()}")
        print(f"\ndemo took {time.monotonic() - began:.0f} s\n")
        print("the rewards, in DuckDB:")
        print(f"  SELECT id, reward, n_chunks, status FROM '{scored}/rewards/*.parquet'")
        print("  ORDER BY reward DESC;")
        print(f"the kept documents: SELECT id, kind FROM '{kept}/corpus/*.parquet';")
        print("\nscore your own corpus: name its columns of texts and of ids (null for none):")
        print(f"  {typed('score')} --config jobs/demo.yaml --input.path CORPUS \\")
        print("    --input.text text --input.id id --output.path OUT")
        print(f"  {typed('filter')} --rewards.path OUT --output.path KEPT \\")
        print("    --rule.keep_fraction 0.1 --dry-run")
        print(f"  {typed('report')} --rewards.path OUT --output.path REPORT")
    return status


def typed(job: str) -> str:
    """Return the command of a job, as it is typed here."""
    return f".venv/bin/python jobs/{job}.py" if IS_CHECKOUT else f"rm_ray {job}"


def unpack(folder: Path) -> None:
    """Copy the configurations, the shipped judges and the tiny judge; replace nothing.

    Args:
        folder: the folder to copy them to.
    """
    for name in ("jobs", "demo/tiny_judge", "demo/judge"):
        for file in (ROOT / name).rglob("*"):
            target = folder / file.relative_to(ROOT)
            if file.is_file() and file.suffix != ".py" and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)


def summary(corpus: Path, scored: Path) -> str:
    """Return a table of the scored documents, the tokens, and the AUC of real documents
    against junk.
    """
    documents = {row["id"]: row for row in pq.read_table(corpus).to_pylist()}
    rows = pq.read_table(scored / "rewards").to_pylist()
    judged = [row for row in rows if row["status"] == "ok"]
    kinds = [documents[row["id"]]["kind"] for row in judged]
    texts = [documents[row["id"]]["text"] for row in judged]
    rewards = [row["reward"] for row in judged]
    metrics = json.loads((scored / "_rm_ray" / "metrics.json").read_text())
    totals, run = metrics["totals"], metrics["this_invocation"]
    real = [reward for kind, reward in zip(kinds, rewards, strict=True) if kind == REAL]
    ratio = totals["forwarded_tokens"] / totals["minimum_tokens"]
    lines = [
        "",
        f"documents          {len(rows):>9,}   {_statuses(totals['statuses'])}",
        f"chunks             {totals['windows']:>9,}",
        f"document tokens    {totals['tokens']:>9,}   {run['tokens_per_second']:,.0f} tokens/s",
        f"forwarded tokens   {totals['forwarded_tokens']:>9,}   "
        f"{ratio:.4f} times the exact minimum, {totals['minimum_tokens']:,}",
        "",
        f"mean reward of the {len(real)} real documents: {sum(real) / len(real):+.2f}",
        "",
        "AUC, real against        mean     reward    baselines",
        "junk of kind           reward              length   zlib",
        *(_line(row) for row in compare(kinds, texts, rewards)),
        "",
        "* kinds that the tiny judge has never seen in training",
    ]
    return "\n".join(lines)


def before_and_after(corpus: Path, kept: Path) -> str:
    """Return a table of the number of documents per kind, in the corpus and after filtering."""
    before = Counter(pq.read_table(corpus, columns=["kind"]).column("kind").to_pylist())
    after = Counter(pq.read_table(kept / "corpus", columns=["kind"]).column("kind").to_pylist())
    lines = ["", f"{'':<14}{'documents':>10}{'kept':>8}"]
    for kind in sorted(before, key=lambda kind: (kind != REAL, -after[kind])):
        name = f"{kind}{' *' if kind in UNSEEN else ''}"
        lines.append(f"{name:<14}{before[kind]:>10}{after[kind]:>8}")
    shares = (1 - counts[REAL] / counts.total() for counts in (before, after))
    lines.append("junk: {:.0%} of the corpus, {:.0%} of the kept documents".format(*shares))
    return "\n".join(lines)


def _line(row: Comparison) -> str:
    name = f"{row.kind}{' *' if row.kind in UNSEEN else ''}"
    return (
        f"{name:<14}{row.documents:>4}{row.mean_reward:>+11.2f}{row.reward:>11.3f}"
        f"{row.length:>10.3f}{row.zlib:>7.3f}"
    )


def _statuses(statuses: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in statuses.items())


def _run(*arguments: str) -> int:
    return subprocess.run([sys.executable, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
