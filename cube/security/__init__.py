"""Who is let in: the checks that stand before every request."""
