"""A typed line -> scores, a ranking, an edit, a skip or a command; or one clear sentence why not.

Pure text. What is typed names *places*, top to bottom as shown; `places.in_group_order` turns a
verdict on places into one on the completions of the group.
"""
