"""Placing: which node a replica goes to, and for which reason it goes nowhere. Reads numbers, asks nobody."""
