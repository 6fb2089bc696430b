"""Rules of the filter job by name, and queries of DuckDB for the documents that they keep."""

BEST = "ORDER BY reward DESC, hash, source_file, row"


def best(where: str, keep: str, by: str = "true", order: str = BEST) -> str:
    """Of documents for which something holds, those that `keep` says by rank, count and sum."""
    return f"""SELECT source_file, row FROM (
        SELECT *, row_number() OVER (PARTITION BY {by} {order}) AS rank,
            count(*) OVER (PARTITION BY {by}) AS n,
            sum(n_tokens) OVER (PARTITION BY {by}) AS all_tokens,
            sum(n_tokens) OVER (PARTITION BY {by} {order} ROWS UNBOUNDED PRECEDING) AS tokens
        FROM d WHERE {where}) WHERE {keep}"""


HAS = "reward IS NOT NULL"
RULES = {
    "min_reward": ({"rule_min_reward": 0.25}, best("reward >= 0.25", "true")),
    "all with a reward": ({}, best(HAS, "true")),
    "nulls too": (
        {"rule_min_reward": 1, "rule_null_rewards": "keep"},
        best("reward >= 1 OR reward IS NULL", "true"),
    ),
    "fraction": ({"rule_keep_fraction": 0.35}, best(HAS, "rank <= floor(0.35 * n + 0.5)")),
    "fraction of tokens": (
        {"rule_keep_fraction": 0.35, "rule_weight": "tokens"},
        best(HAS, "tokens <= floor(0.35 * all_tokens + 0.5)"),
    ),
    "tokens": ({"rule_keep_tokens": 4321}, best(HAS, "tokens <= 4321")),
    "documents by a folder": (
        {"rule_keep_documents": 40, "rule_by": "lang"}, best(HAS, "rank <= 40", "lang"),
    ),
    "by two columns, of rewards and corpus": (
        {"rule_keep_fraction": 0.5, "rule_by": "source,kind"},
        best(HAS, "rank <= floor(0.5 * n + 0.5)", "source, kind"),
    ),
    "numbers by group": (
        {"rule_keep_documents": "{a: 7, null: 3, '*': 0}", "rule_by": "source"},
        best(HAS, "rank <= CASE source WHEN 'a' THEN 7 WHEN 'b' THEN 0 ELSE 3 END", "source"),
    ),
    "more than there is": (
        {"rule_keep_documents": 150, "rule_by": "lang", "rule_short": "take_all"},
        best(HAS, "rank <= 150", "lang"),
    ),
    "where": (
        {"rule_keep_fraction": 0.5, "rule_where": "n_tokens >= 10 and kind in ['u', 'v']"},
        best(f"{HAS} AND n_tokens >= 10 AND kind IN ('u', 'v')", "rank <= floor(0.5 * n + 0.5)"),
    ),
    "where a date is between two, and a text is like another": (
        {"rule_where": "day BETWEEN '2026-02-05' AND '2026-02-20' and lang like 'e%' "
                       "AND kind IS NOT NULL and n_tokens / 2 > 3"},
        best(f"{HAS} AND day >= DATE '2026-02-05' AND day <= DATE '2026-02-20' AND lang = 'en' "
             "AND kind IN ('u', 'v', 'w') AND n_tokens > 6", "true"),
    ),
    "fraction of a column's sum": (
        {"rule_keep_fraction": 0.35, "rule_weight": "size"},
        best(HAS, "tokens <= floor(0.35 * all_tokens + 0.5)").replace("n_tokens", "size"),
    ),
    "tokens as a column counts them": (
        {"rule_keep_tokens": 2000, "rule_weight": "size", "rule_by": "lang"},
        best(HAS, "tokens <= 2000", "lang").replace("n_tokens", "size"),
    ),
    "an element": (
        {"rule_keep_documents": 99, "rewards_column": "logits[1]"},
        best("logits IS NOT NULL", "rank <= 99", order=BEST.replace("reward", "logits[2]")),
    ),
    "a field": (
        {"rule_keep_documents": 99, "rewards_column": "attributes.b"},
        best("attributes IS NOT NULL", "rank <= 99", order=BEST.replace("reward", "attributes.b")),
    ),
    "a sample": (
        {"rule_keep_documents": 200, "rule_temperature": 0.5},
        best(HAS, "rank <= 200",
             order=BEST.replace("reward", "(reward / 0.5 - ln(-ln(u)))::FLOAT")),
    ),
    "the others": (
        {"rule_keep_fraction": 0.35, "rule_invert": "true"},
        "SELECT source_file, row FROM d ANTI JOIN "
        f"({best(HAS, 'rank <= floor(0.35 * n + 0.5)')}) USING (source_file, row)",
    ),
}  # fmt: skip
