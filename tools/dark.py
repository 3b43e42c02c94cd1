"""Variants of pictures for dark mode."""
def variant(file):
    return None
