"""QRM: chats; quantiles of a reward, named attributes, and their gated mean."""
