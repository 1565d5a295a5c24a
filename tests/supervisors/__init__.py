"""Tests of supervision: strategies, budgets, supervisors, dynamic supervisors, trees."""
