"""One module for each kind of asset. They read, call and write; they never import each other."""
