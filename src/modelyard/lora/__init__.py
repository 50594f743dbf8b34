"""LoRA adapters: what should be loaded where (pure), and the loop that makes it so.

Pure: ``lora_config`` (the syncer's file), ``wanted`` (manifests -> adapters per Deployment), ``engine_limits``,
``adapter_config`` (is an adapter fit for an engine), ``slots``, ``plan`` (want, have -> actions). Shell: ``store``,
``source_book``, ``vllm_adapters``, ``ray_adapters``, ``replica_loop``, ``reconciler``.
"""
