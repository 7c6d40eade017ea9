"""Training of the ``exit`` compressor: samples, losses, the loop, what is chosen and shipped."""
