"""`python -m hitl`."""

from hitl.cli import program

program()
