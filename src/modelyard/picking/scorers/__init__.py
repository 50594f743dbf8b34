"""Scorers: one file each, found by ``registry``."""
