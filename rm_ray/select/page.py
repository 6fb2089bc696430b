"""A selection as one HTML file, in the report's style: no script, and no file from elsewhere."""

from rm_ray.report.show.page import environment
from rm_ray.select import words
from rm_ray.select.figures import SelectFigures

# Rows of the table of strictnesses, and of groups.
MOST_ROWS = 40


def page(made: SelectFigures) -> bytes:
    """Return the page, in UTF-8. The same figures give the same bytes."""
    templates = environment(None, "rm_ray.select")
    html = templates.get_template("select.html.jinja").render(
        made=made,
        error=words.error(made),
        capital=words.capital,
        trials=made.trials[:MOST_ROWS],
        untold=max(0, len(made.trials) - MOST_ROWS),
        groups=made.groups[:MOST_ROWS],
    )
    return html.encode(errors="replace")
