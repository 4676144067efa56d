"""Patterns -> verdicts: how far is this from everything that is known to be normal?"""
