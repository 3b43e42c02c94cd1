"""Answers to chapter 7: the right ones, and mistakes with their words."""

RIGHT: dict = {}
WRONG: list = []
