"""What a replica asks of its accelerators, and whether they have it: GPUs per replica, memory for weights and KV cache.

Pure. ``demand`` says what is asked, ``accelerators`` what there is, ``model_shapes`` and ``memory`` what a model needs,
``gpu_findings`` and ``memory_findings`` compare them for ``modelyard check``.
"""
