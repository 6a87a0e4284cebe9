"""One wire protocol each, behind one small interface."""
