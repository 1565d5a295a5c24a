"""What may be asked, imperative; each says when it is legal. It must not say how it is done."""
