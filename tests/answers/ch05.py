"""Answers to chapter 5: the right ones, and mistakes with their words."""

RIGHT: dict = {}
WRONG: list = []
