"""Templates: importing an image as one, changing and removing it."""
