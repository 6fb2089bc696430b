"""How a run stands, for whoever asks.

Its files:

    status    how a run stands, as its driver says it in the run's folder
    metrics   a run in Ray's metrics
    price     what engines cost, in hours and in money
"""
