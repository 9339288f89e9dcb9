//! What a user is told when no model can answer.
