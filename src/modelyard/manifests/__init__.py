"""Reads and watches manifest files and folders: paths in, a ResourceSet and readable errors out."""
