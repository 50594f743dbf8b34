"""LoRA adapters: what should be loaded where (pure), and the loop that makes it so.

Pure: ``lora_config`` (the syncer's file), ``wanted`` and ``ray_wanted`` (manifests -> adapters per Deployment and per
model of a RayService), ``unread_wishes`` (what reaches no server), ``engine_limits``, ``adapter_config`` (is an adapter
fit for an engine), ``slots``, ``plan`` (want, have -> actions), ``attempts``, ``report``, ``s3_signature``. Shell:
``store`` and ``disused_versions``, ``source_book``, ``vllm_adapters``, ``ray_adapters`` with ``adapter_shelf`` and
``loopback_bucket``, ``replica_loop``, ``reconciler``, ``sidecar``.
"""
