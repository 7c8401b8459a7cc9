"""hitl teaches a Chinese or English GPT-2 by hand, in the terminal."""

__version__ = "0.1.0"
