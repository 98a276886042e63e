"""The command line: the only place with terminals, prompts and progress bars."""
