"""The pages of the specification, and what writes their examples and tables from code and a run."""
