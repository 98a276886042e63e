"""Known answers of the protocol, one case a file, and the generators that make them."""
