"""The planners: what must change so that what is becomes what is wanted."""
