"""A VM as configuration: what it is made of, checked and claimed before it is recorded."""
