"""One script per rule, named like it. `lib` holds the code that they share."""
