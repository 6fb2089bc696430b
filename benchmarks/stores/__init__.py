"""Object stores that install from public registries, started here and measured.

`python -m benchmarks.stores` makes docs/stores.md.
"""
