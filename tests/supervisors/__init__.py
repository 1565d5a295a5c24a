"""Tests of supervision: strategies, budgets, branches, crowds, trees."""
