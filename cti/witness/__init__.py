"""The independent witness: what Asterisk itself wrote down of its calls, against what the journal says.

Asterisk writes a row for each step of a channel's life (CEL) and one for each stretch of a call (CDR) into
local files, without the AMI link that the journal is made from. Two folds make the same picture of both:
``seen.py`` of Asterisk's rows, ``told.py`` of the journal's events. ``compare.py`` lays them beside each other,
``inquiry.py`` does so in one pass that keeps only the calls which are not over. All of this is pure;
``files.py`` finds, reads and ages the files. Start at ``inquiry.py``; docs/reconcile.md says what each
difference means.
"""
