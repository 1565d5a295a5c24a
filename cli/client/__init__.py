"""The client's side of the gateway's protocols."""
