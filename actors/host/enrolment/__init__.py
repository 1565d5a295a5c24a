"""Who a node is: tokens, certificates, the authority that signs them."""
