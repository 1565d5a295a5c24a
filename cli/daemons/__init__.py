"""Where each daemon is put together; a client of the gateway never imports this package."""
