//! The wire formats that questions come in and that models speak, and the way from one to another.
//!
//! An answer is written down, kept and told in the format that it was asked for in: the format is part of what it is kept
//! under, so that two never meet. Where the model speaks that format itself, bytes go through as they are. Where it does
//! not, [`ask`] puts the question into the model's format and [`retell`] tells the answer event by event in the asker's;
//! a whole body goes through its events ([`openai`], [`converse`], [`messages`] take one apart and put it together).
//! Nothing in between is a closed type: what a format says that the other has no word for is named in [`Lost`], or refused.

pub mod ask;
pub mod completion;
pub mod converse;
pub mod cut;
pub mod lost;
pub mod messages;
pub mod openai;
mod pieces;
pub mod retell;

use bytes::Bytes;

pub use self::lost::Lost;

/// A wire format. A property of the bytes, not of the door that they came through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's chat completions.
    #[default]
    OpenAi,
    /// Bedrock's Converse and ConverseStream; an event is `{"messageStart": {…}}`.
    Converse,
    /// Anthropic's messages, asked directly or through Bedrock's InvokeModel.
    Messages,
    /// Some other model's own format, through InvokeModel: only such a model can answer it.
    Native,
}

impl Dialect {
    /// What keeps the entries of two formats apart.
    pub fn label(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Converse => "converse",
            Self::Messages => "messages",
            Self::Native => "native",
        }
    }

    /// Whether words of ours can be said in it.
    pub fn has_words(self) -> bool {
        self != Self::Native
    }

    /// The events of a stream that says the same as `body`; `None` when it is no answer of this format.
    pub fn events_of(self, body: &[u8]) -> Option<Vec<Bytes>> {
        match self {
            Self::OpenAi => openai::events_of(body, true),
            Self::Converse => converse::events_of(body),
            Self::Messages => messages::events_of(body),
            Self::Native => Some(vec![Bytes::copy_from_slice(body)]),
        }
    }

    /// The body that a stream of events amounts to; `None` when they are no events of this format.
    pub fn body_of(self, events: &[Bytes]) -> Option<Bytes> {
        match self {
            Self::OpenAi => openai::body_of(events),
            Self::Converse => converse::body_of(events),
            Self::Messages => messages::body_of(events),
            Self::Native => Some(events.concat().into()),
        }
    }
}
