"""Where events come from when no channel sends them: recorded data, simulation."""
