"""Filters: one file each, found by ``registry``."""
