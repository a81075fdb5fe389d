"""Where the department touches infrastructure: nothing yet, its state lives in memory and in the journal."""
