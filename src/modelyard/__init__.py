"""Modelyard."""
