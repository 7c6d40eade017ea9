"""Evaluation: data sets, metrics, runs."""
