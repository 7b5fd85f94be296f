"""Trend figures and the breakout score. Pure."""
