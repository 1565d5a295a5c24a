"""Documents: read from requests, written as oVirt writes them."""
