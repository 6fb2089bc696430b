"""Distributed batch scoring of Parquet corpora with reward models, on Ray and vLLM."""

__version__ = "0.11.0"
