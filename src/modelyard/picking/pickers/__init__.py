"""Pickers: one file each, found by ``registry``."""
