"""The department's ends: the AGI channel of a caller, and the folder of prompts."""
