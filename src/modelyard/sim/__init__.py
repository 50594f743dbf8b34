"""A simulated model server: vLLM's API, metrics and failure modes, without a model. It says in every answer
that it is one.

``settings.SimSettings`` says what is simulated, ``faults.Faults`` what goes wrong, ``server`` runs it::

    async with running_sim(SimSettings(model="m", **INSTANT)) as sim:
        ...  # http://{sim.address}/v1/chat/completions
"""
