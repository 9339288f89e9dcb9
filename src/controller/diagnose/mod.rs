//! Decision trees over evidence: what is the cause? Pure.
