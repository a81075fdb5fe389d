"""Migrations of the schema, written by hand; run by ``Database.migrate``."""
