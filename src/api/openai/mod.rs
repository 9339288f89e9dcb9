//! The OpenAI chat-completions wire format, as the stock `openai` clients speak it.
//!
//! [`request`] reads what is needed beside the bytes, [`reply`] turns an answer log into a response in the shape that was
//! asked for, [`error`] says what went wrong the way OpenAI does.

pub mod chat;
pub mod embeddings;
pub mod error;
pub mod reply;
pub mod request;
