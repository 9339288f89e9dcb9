//! Policies: what should be done, and what not, each with its reason. Pure.
