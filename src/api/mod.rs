//! What is heard on the wire: OpenAI requests, feedback, events, knobs, status, metrics.

pub mod openai;
