"""Answers to chapter 8: the right ones, and mistakes with their words."""

RIGHT: dict = {}
WRONG: list = []
