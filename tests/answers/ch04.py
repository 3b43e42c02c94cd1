"""Answers to chapter 4: the right ones, and mistakes with their words."""

RIGHT: dict = {}
WRONG: list = []
