"""Generates the published contract from the types: JSON Schemas and AsyncAPI (`make schemas`)."""
