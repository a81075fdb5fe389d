"""The figures: what the product does, measured beside a peer in the same run.

``make bench`` runs all parts and prints one table; ``python -m bench P10 --quick`` runs one, shorter. A part is a module
with ``run(is_quick) -> Part`` (``report.py``); start reading at ``__main__.py``. Nothing here is shipped.
"""
