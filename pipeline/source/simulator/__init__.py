"""A seeded day of a bank and health insurer: customers, queues, backend systems, circumstances, as events."""
