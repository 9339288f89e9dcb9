//! Answers from the cache: exact, then semantic; remembered, expired, jittered, invalidated.
