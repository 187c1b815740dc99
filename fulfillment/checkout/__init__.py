"""A cart becomes a plan with shipping options, in one call; nothing is kept unless stock is to be held."""
