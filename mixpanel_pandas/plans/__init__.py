"""Plans: what an operation would change in profiles that were read, and the way to apply and to undo it."""
