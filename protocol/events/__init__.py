"""Facts, past tense, as the journal keeps them. It must not hold how they came about or what follows."""
