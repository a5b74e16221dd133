"""Golden records: what a design computed, kept in a file, and checked against what it computes now."""
