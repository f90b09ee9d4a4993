"""Why one customer suffered, and who can change it: the row, its model and its events, put together for a reader."""
