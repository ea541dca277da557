"""The importable code: each module is named for the thing that it knows."""
