"""Which endpoint of a pool gets a request. Pure: time and randomness come as arguments.

Filters drop endpoints, scorers give each one left 0 to 1, a picker chooses by the weighted sum. One policy is one
file under ``filters/``, ``scorers/`` or ``pickers/`` and is found by itself (``registry``). ``config`` turns an
EndpointPickerConfig into a checked ``SchedulerConfig``; ``Scheduler`` runs it, fast; ``reference`` runs it plainly,
for ``explain`` and as the measure that the fast path is tested against.
"""
