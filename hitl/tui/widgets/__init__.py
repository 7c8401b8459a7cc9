"""The pieces a screen is made of, each with its style sheet beside it."""
