"""The classroom: what the book draws with, its photo, its exercises."""
