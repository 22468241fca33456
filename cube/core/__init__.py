"""The verbs: pure functions and state machines over the nouns. No await, socket, clock, randomness or logging."""
