//! Telling people: the outbox and its channels.
