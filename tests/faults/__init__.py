"""Everything that can go wrong with a run, done to real ones: see test_kill for where to begin."""
