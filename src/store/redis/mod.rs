//! The store that nodes share: Redis or Valkey 7 and later.
