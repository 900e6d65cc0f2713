"""Many clients talk under all faults. Nothing is lost, doubled or seen by others, and nobody who left keeps a seat."""
