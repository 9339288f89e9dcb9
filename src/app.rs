//! Wiring: which parts run in this process, in which order they start and stop.
