"""The decision itself: a pure function of request, snapshot, time and draw."""
