"""More LoRA slots than adapters, for vLLM without a GPU.

vLLM's CPU kernels (0.32, ``vllm/lora/ops/torch_ops``) look up each token's slot in a tensor, and a request without an
adapter has slot -1, which PyTorch reads as the last one. In a batch with adapters the base model then answers with the
weights of whatever is in the last slot. Slots are filled from the first on, so one that is never reached stays empty,
and changes nothing. Only the batch of one request without an adapter is told apart by vLLM itself.
"""

from __future__ import annotations

from modelyard.local import arguments as argv
from modelyard.local.replica_plan import AppliedSetting

SLOTS = 16
"""With fewer adapters than this, versions that are on their way out included, the last slot is never used."""
REASON = "vLLM's CPU build gives requests without an adapter the weights in the last slot, so it must stay empty"


def with_spare_slots(arguments: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[AppliedSetting, ...]]:
    """The arguments, and what changed. ``--max-cpu-loras`` may not be less than ``--max-loras``."""
    if argv.values(arguments, "--enable-lora") is None:
        return arguments, ()
    settings = []
    for flag in ("--max-loras", "--max-cpu-loras"):
        given = argv.value(arguments, flag)
        missing = given is None and flag == "--max-cpu-loras"
        if missing or (given is not None and (not given.isdecimal() or int(given) >= SLOTS)):
            continue
        was = f" (was {given})" if given is not None else ""
        arguments = argv.with_value(arguments, flag, str(SLOTS))
        settings.append(AppliedSetting(setting=flag, change=f"{SLOTS}{was}", reason=REASON))
    return arguments, tuple(settings)
