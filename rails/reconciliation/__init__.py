"""Reconciliation: the processor's books, the chain and our own, held against each other."""
