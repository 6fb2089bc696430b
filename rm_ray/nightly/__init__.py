"""The nightly job: score what is new, report it, and filter it where asked."""
