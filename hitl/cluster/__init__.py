"""A policy on a Ray cluster: ray lives here and nowhere else.

engine.py       the engine that the session asks; begins again when the policy's process is lost
past.py         what it is made again from: checkpoints and journal
remote.py       the way to the process on the cluster
connection.py   the cluster itself
worker.py       what runs there
files.py        folders on their way, piece by piece
"""
