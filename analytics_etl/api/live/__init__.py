"""Live updates: what a client has asked for, what is new, and the sockets between. Not here: telling (`ops.live`)."""
