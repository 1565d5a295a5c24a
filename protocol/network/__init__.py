"""Networks, vNIC profiles and NICs."""
