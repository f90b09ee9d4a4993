"""`touchpoint demo`: a whole system on one machine, a simulated day at speed, and what happened, in words."""
