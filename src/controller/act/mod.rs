//! Carrying out decisions: journal first, then act, then look.
