//! Sources of measurements, and their recent history.
