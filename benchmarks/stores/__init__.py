"""Object stores from public registries, started on this machine and measured.

`python -m benchmarks.stores` makes docs/stores.md.
"""
