"""Who is measured, one file each. See ``peer`` for what a peer has to say of itself."""
