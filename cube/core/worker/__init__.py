"""The planner of one machine: pure, told everything, asking for steps one per allocation at a time."""
