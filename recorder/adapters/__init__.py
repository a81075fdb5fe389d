"""The recorder's outside: files, encoder processes, tables, HTTP."""
