"""Answers to chapter 6: the right ones, and mistakes with their words."""

RIGHT: dict = {}
WRONG: list = []
