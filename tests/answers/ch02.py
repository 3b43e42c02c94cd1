"""Answers to chapter 2: the right ones, and mistakes with their words."""

RIGHT: dict = {}
WRONG: list = []
