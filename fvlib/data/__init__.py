"""The data contract: what local authorities send, read and checked."""
