//! The store of a fleet: Redis or Valkey. The only place that names the Redis client.
