//! What a question is about: intent, entities, and whether it stands alone.
