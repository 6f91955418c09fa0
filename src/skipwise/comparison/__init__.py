"""Candidates x seeds under one plan: executed, judged, recommended and reported."""
