"""Many clients talk under all faults. No message may be lost, and nobody who left may keep a seat."""
