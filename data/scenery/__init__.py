"""Drawn streets: rays, paints, things, and the plan of a street."""
