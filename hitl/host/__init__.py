"""A run that several people judge for, over connections.

wire.py      records as JSON and back: all that ever goes over a connection
remote.py    an operator at the other end, as a dialogue sees them
serving.py   the host: connections, who may join, a dialogue each
joining.py   the other end: a connection that is made again, and what it says to an operator
"""
