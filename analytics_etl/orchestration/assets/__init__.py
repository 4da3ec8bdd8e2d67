"""One module for each kind of asset; `metadata` is what they share. Kinds of assets never import each other."""
