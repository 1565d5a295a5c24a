"""The wiring of each daemon. A client of the gateway never imports this package."""
