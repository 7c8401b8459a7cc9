"""A policy on a Ray cluster: ray lives here and nowhere else.

engine.py       the engine that the session asks; begins again when the policy's process is lost
past.py         what it is made again from: checkpoints and journal
team.py         one process on the cluster, or several that divide each update
remote.py       what is asked of one of them
connection.py   the cluster: the one file that imports ray
worker.py       what runs there
files.py        folders on their way, piece by piece
"""
