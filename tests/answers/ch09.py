"""Answers to chapter 9: the right ones, and mistakes with their words."""

RIGHT: dict = {}
WRONG: list = []
