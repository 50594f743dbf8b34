"""Remarks of ``modelyard check``: what is right by the letter and will bite. Pure.

A check is a function from the objects to findings, in a file of its subject, with a row in ``table.CHECKS``. Findings
change nothing that runs, and no exit code.
"""
