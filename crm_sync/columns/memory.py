"""The memory in which Arrow keeps frames."""

import pyarrow as pa


def use_jemalloc() -> None:
    """Let Arrow take memory from jemalloc, where this build has it: what a batch has freed is given back at once."""
    # Arrow's default keeps it for later, a fifth of a full sync's memory.
    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())
