"""Scores, their uncertainty, reports and plots. Knows predictions and metrics.json, but no model."""
