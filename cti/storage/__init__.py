"""The database: engine, base classes, journal, people, migrations. Only adapters come here."""
