"""The built-in corpus: small, deterministic, in real languages, in the hub's schema; it needs no network."""
