"""Showing a report: one HTML page, a summary, and their charts.

Its files:

    folder    writes a report's three files
    page      the HTML page
    markdown  the summary
    remarks   sentences of the page and the summary
    counted   cells of the table of documents and tokens
    formats   figures and names as people read them
    charts    the charts of rewards and of groups
    curves    the curves over nights, thresholds and lengths
    svg       makes matplotlib's drawings part of the page
    caps      limits of the page's size
"""
