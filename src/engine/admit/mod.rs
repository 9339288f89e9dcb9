//! Who may ask now: rate limits.
