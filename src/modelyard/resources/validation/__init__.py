"""Rules beyond types: what an API server would check (schema limits and CEL rules of each API group).

One file per API group. Each ``check_*`` function takes a typed object and a Report, and adds faults to it.
"""
