"""Whether a request goes on, waits or is refused, by how full a pool is. Pure: time comes as an argument."""
